"""The stream of go-leak-probe: from snapshots to evidence, findings, rows and alerts."""
