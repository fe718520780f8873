"""Execution traces: bytes to goroutine lifecycles."""
