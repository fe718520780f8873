"""Labelled goroutine-count series, and how well detectors tell them apart."""
