// Command peer runs Go's own trace reader: the reference our decoder is compared with.
//
//	peer read  FILE          yields every event, keeps none
//	peer cols  FILE          keeps a generation's goroutine transitions as columns
//	peer dump  FILE ROWS TABLES   writes the transitions for a row-by-row comparison
//
// It prints one JSON line: events, transitions, CPU and wall seconds, and the error if one ended it.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/exp/trace"
)

type row struct {
	Goroutine, Actor          int64
	Reason, Stack, StartStack int32
	Before, After, Pad1, Pad2 uint8
	Time                      int64
}

type columns struct {
	rows    [][]row
	used    int // chunks of rows in use
	count   int
	reasons map[string]int32
	stacks  map[string]int32
	byStack map[trace.Stack]int32
}

func frames(s trace.Stack) string {
	var text strings.Builder
	for f := range s.Frames() {
		fmt.Fprintf(&text, "%s\x1f%s\x1f%d\x1e", f.Func, f.File, f.Line)
	}
	return text.String()
}

func (c *columns) stack(s trace.Stack) int32 {
	if s == trace.NoStack {
		return 0
	}
	if n, ok := c.byStack[s]; ok {
		return n
	}
	text := frames(s)
	n, ok := c.stacks[text]
	if !ok {
		n = int32(len(c.stacks))
		c.stacks[text] = n
	}
	c.byStack[s] = n
	return n
}

func (c *columns) add(e trace.Event) {
	if e.Kind() != trace.EventStateTransition {
		return
	}
	t := e.StateTransition()
	if t.Resource.Kind != trace.ResourceGoroutine {
		return
	}
	before, after := t.Goroutine()
	reason := int32(0)
	if t.Reason != "" {
		known, ok := c.reasons[t.Reason]
		if !ok {
			known = int32(len(c.reasons))
			c.reasons[t.Reason] = known
		}
		reason = known
	}
	start := int32(0)
	stack := c.stack(e.Stack())
	if before == trace.GoNotExist {
		start = c.stack(t.Stack)
	} else if stack == 0 {
		stack = c.stack(t.Stack)
	}
	last := c.used - 1
	if last < 0 || len(c.rows[last]) == cap(c.rows[last]) {
		if c.used == len(c.rows) {
			c.rows = append(c.rows, make([]row, 0, 1<<16))
		}
		c.used++
		last++
	}
	c.count++
	c.rows[last] = append(c.rows[last], row{
		Goroutine: int64(t.Resource.Goroutine()), Actor: int64(e.Goroutine()),
		Reason: reason, Stack: stack, StartStack: start,
		Before: uint8(before), After: uint8(after), Time: int64(e.Time()),
	})
}

// recycle begins a generation in the memory of the one before, as our decoder does: fresh pages
// for a whole trace would cost the peer as much again as the columns.
func (c *columns) recycle() {
	for i := range c.rows {
		c.rows[i] = c.rows[i][:0]
	}
	c.used = 0
	clear(c.byStack)
}

func cpu() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func main() {
	mode, path := os.Args[1], os.Args[2]
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	wall, used := time.Now(), cpu()
	result := map[string]any{}
	c := &columns{
		reasons: map[string]int32{"": 0}, stacks: map[string]int32{"": 0},
		byStack: map[trace.Stack]int32{},
	}
	events := 0
	reader, err := trace.NewReader(bufio.NewReaderSize(file, 1<<20))
	for err == nil {
		var e trace.Event
		e, err = reader.ReadEvent()
		if err != nil {
			break
		}
		events++
		if mode == "cols" && e.Kind() == trace.EventSync {
			c.recycle()
		}
		if mode != "read" {
			c.add(e)
		}
	}
	result["cpu_seconds"] = cpu() - used
	result["wall_seconds"] = time.Since(wall).Seconds()
	result["events"] = events
	result["transitions"] = c.count
	if !errors.Is(err, io.EOF) {
		result["error"] = err.Error()
	}
	if mode == "dump" {
		dump(c, os.Args[3], os.Args[4])
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
}

func dump(c *columns, rowsPath, tablesPath string) {
	rows, err := os.Create(rowsPath)
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriterSize(rows, 1<<20)
	// The rows' own memory: fixed-size fields without gaps, little-endian wherever this runs.
	for _, chunk := range c.rows[:c.used] {
		_, _ = out.Write(unsafe.Slice((*byte)(unsafe.Pointer(&chunk[0])), len(chunk)*int(unsafe.Sizeof(row{}))))
	}
	_ = out.Flush()
	_ = rows.Close()
	tables, err := os.Create(tablesPath)
	if err != nil {
		panic(err)
	}
	_ = json.NewEncoder(tables).Encode(map[string]any{"reasons": c.reasons, "stacks": c.stacks})
	_ = tables.Close()
}
