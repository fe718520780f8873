package service

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

var started = time.Now()

// requestCounter counts finished business requests by status code.
type requestCounter struct {
	next   http.Handler
	mu     sync.Mutex
	byCode map[int]uint64
}

type statusRecorder struct {
	http.ResponseWriter
	code int
}

func (s *statusRecorder) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

func (c *requestCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorder := &statusRecorder{ResponseWriter: w, code: http.StatusOK}
	c.next.ServeHTTP(recorder, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byCode[recorder.code]++
}

// metrics answers in the Prometheus text format, under the names that Go's client library uses.
func (c *requestCounter) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	writeRuntime(w)
	writeCollections(w)
	writeProcess(w)
	c.write(w)
}

func (c *requestCounter) write(w io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	head(w, "http_requests_total", "counter", "Finished requests by status code.")
	codes := make([]int, 0, len(c.byCode))
	for code := range c.byCode {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		fmt.Fprintf(w, "http_requests_total{code=\"%d\"} %d\n", code, c.byCode[code])
	}
}

func writeRuntime(w io.Writer) {
	head(w, "go_info", "gauge", "Information about the Go environment.")
	fmt.Fprintf(w, "go_info{version=%q} 1\n", runtime.Version())
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/sched/goroutines-created:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
	metrics.Read(samples)
	number := func(i int) uint64 { return samples[i].Value.Uint64() }
	one(w, "go_goroutines", "gauge", "Number of goroutines.", number(0))
	one(w, "go_sched_goroutines_created_goroutines_total", "counter",
		"Goroutines created since the process started.", number(1))
	one(w, "go_memstats_heap_alloc_bytes", "gauge", "Heap bytes in live and dead objects.", number(2))
	one(w, "go_memstats_heap_inuse_bytes", "gauge", "Heap bytes in spans in use.", number(2)+number(3))
	one(w, "go_memstats_stack_inuse_bytes", "gauge", "Bytes of goroutine stacks.", number(4))
}

func writeCollections(w io.Writer) {
	stats := debug.GCStats{PauseQuantiles: make([]time.Duration, 5)}
	debug.ReadGCStats(&stats)
	const name = "go_gc_duration_seconds"
	head(w, name, "summary", "Stop-the-world pauses of garbage collections.")
	for i, pause := range stats.PauseQuantiles {
		fmt.Fprintf(w, "%s{quantile=\"%g\"} %g\n", name, float64(i)/4, pause.Seconds())
	}
	fmt.Fprintf(w, "%s_sum %g\n%s_count %d\n", name, stats.PauseTotal.Seconds(), name, stats.NumGC)
}

// writeProcess reads /proc; where there is none, those lines are left out.
func writeProcess(w io.Writer) {
	head(w, "process_start_time_seconds", "gauge", "Start of the process in seconds since the epoch.")
	fmt.Fprintf(w, "process_start_time_seconds %.3f\n", float64(started.UnixMilli())/1000)
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		one(w, "process_open_fds", "gauge", "Open file descriptors.", uint64(len(files)))
	}
	if pages, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(pages)); len(fields) > 1 {
			resident, _ := strconv.ParseUint(fields[1], 10, 64)
			one(w, "process_resident_memory_bytes", "gauge", "Resident memory.",
				resident*uint64(os.Getpagesize()))
		}
	}
}

func one(w io.Writer, name, kind, help string, value uint64) {
	head(w, name, kind, help)
	fmt.Fprintf(w, "%s %d\n", name, value)
}

func head(w io.Writer, name, kind, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}
