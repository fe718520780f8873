"""Online detectors: pure, vectorised over keys, one a file."""
