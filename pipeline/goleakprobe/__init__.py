"""Find goroutine leaks in a fleet of Go services."""
