"""Goroutine profiles: bytes of any Go version to one exact snapshot."""
