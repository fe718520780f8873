"""Goroutines that wait for as long as a healthy process lives."""

from __future__ import annotations

from goleakprobe.profiles import Group, blocking_frame

__all__ = ["benign_reason"]

# By the beginning of the function that waits: what a handler waits for deeper down is its own
# affair. They are still reported when they grow.
_KNOWN: tuple[tuple[str, str], ...] = (
    ("os/signal.", "waits for signals"),
    ("net/http.(*connReader).", "watches a connection while it is served"),
    # Its readLoop waits in the network; in a select it waits for a body to be read or closed.
    ("net/http.(*persistConn).writeLoop", "keeps a client connection open for the next request"),
    ("net/http.(*http2", "keeps an HTTP/2 connection open"),
    ("net/http/internal/http2.", "keeps an HTTP/2 connection open"),
    ("golang.org/x/net/http2.", "keeps an HTTP/2 connection open"),
    ("net/rpc.(*Server).Accept", "accepts connections"),
    ("database/sql.(*DB).connectionOpener", "opens database connections when asked"),
    ("database/sql.(*DB).connectionResetter", "resets database connections when asked"),
    ("database/sql.(*DB).connectionCleaner", "closes idle database connections"),
    ("google.golang.org/grpc.(*Server).Serve", "accepts connections"),
    ("google.golang.org/grpc/internal/transport.", "keeps a gRPC connection open"),
    ("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).", "waits for callbacks"),
    ("go.opencensus.io/stats/view.(*worker).start", "waits for measurements"),
    ("go.opentelemetry.io/otel/sdk/", "exports telemetry in the background"),
    ("k8s.io/klog.(*loggingT).flushDaemon", "flushes logs"),
    ("k8s.io/klog.(*flushDaemon).", "flushes logs"),
    ("github.com/golang/glog.", "flushes logs"),
    ("testing.", "runs tests"),
    ("runtime.", "belongs to the runtime"),
)


def benign_reason(group: Group) -> str:
    """Why a wait that lasts is no news here; empty if nothing is known."""
    if group.main:
        return "is the main goroutine: the process ends with it"
    if group.wait.partition(" (")[0] == "IO wait":
        return "waits for the network or a file"
    waiting = blocking_frame(group.frames)
    name = "" if waiting is None else waiting.function
    return next((reason for start, reason in _KNOWN if name.startswith(start)), "")
