package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

// kept holds what must stay reachable: its goroutines block for ever but are no provable leak.
var kept struct {
	sync.Mutex
	things []any
}

func keep(things ...any) {
	kept.Lock()
	defer kept.Unlock()
	kept.things = append(kept.things, things...)
}

// openCages starts one goroutine of each kind.
func openCages() {
	channelCages()
	syncCages()
	inputCages()
	shapeCages()
	labelCages()
	versionCages()
}

func channelCages() {
	go receiver(make(chan int))
	go sender(make(chan string), "unread")
	go func() { var nowhere chan int; <-nowhere }()
	go func() { var nowhere chan int; nowhere <- 1 }()
	go selector(make(chan int), make(chan error))
	go func() { select {} }()
	go reflected(make(chan int))
	keptChannel := make(chan int)
	keep(keptChannel)
	go consumer(keptChannel)
	go heartbeat(make(chan struct{}))
}

func receiver(in <-chan int) int         { return <-in }
func sender(out chan<- string, v string) { out <- v }

func selector(a <-chan int, b chan<- error) {
	select {
	case <-a:
	case b <- nil:
	}
}

func reflected(in <-chan int) {
	reflect.Select([]reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(in)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(in)},
	})
}

func consumer(in <-chan int) {
	for range in {
	}
}

func heartbeat(stop <-chan struct{}) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-stop:
			return
		}
	}
}

func syncCages() {
	mutex := new(struct {
		sync.Mutex
		pad [64]byte
	})
	mutex.Lock()
	go func() { mutex.Lock() }()

	readers := new(sync.RWMutex)
	readers.Lock()
	go func() { readers.RLock() }()

	writers := new(sync.RWMutex)
	writers.RLock()
	go func() { writers.Lock() }()

	group := new(sync.WaitGroup)
	group.Add(1)
	go group.Wait()

	condition := sync.NewCond(new(sync.Mutex))
	go func() {
		condition.L.Lock()
		condition.Wait()
	}()

	once := new(sync.Once)
	go once.Do(func() { receiver(make(chan int)) })
}

func inputCages() {
	go time.Sleep(time.Hour)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		keep(listener)
		go listener.Accept()
	}

	reader, writer, err := os.Pipe()
	if err == nil {
		keep(reader, writer)
		go reader.Read(make([]byte, 1))
		// The second reader waits for the descriptor's own lock.
		time.Sleep(5 * time.Millisecond)
		go reader.Read(make([]byte, 1))
	}

	command := exec.Command("cat")
	if input, err := command.StdinPipe(); err == nil && command.Start() == nil {
		keep(input, command)
		go command.Wait()
	}

	go func() {
		runtime.LockOSThread()
		receiver(make(chan int))
	}()
}

// Box is generic so that its frames carry type arguments.
type Box[T any] struct{ slot chan T }

func (b *Box[T]) wait() T      { return <-b.slot }
func await[T any](in chan T) T { return <-in }

type animal struct{ cage chan int }

func (a animal) sleep()  { <-a.cage }
func (a *animal) snore() { a.cage <- 1 }

func shapeCages() {
	box := &Box[string]{slot: make(chan string)}
	go box.wait()
	go await(make(chan map[string][]int))
	go (&Box[struct{ a, b int }]{slot: make(chan struct{ a, b int })}).wait()

	creature := animal{cage: make(chan int)}
	go creature.sleep()
	nap := (&animal{cage: make(chan int)}).snore
	go nap()

	go burrow(10, make(chan int))
	go burrow(150, make(chan int))
	go func() {
		func() {
			func() { <-make(chan int) }()
		}()
	}()
	go func() {
		defer func() {
			recover()
			<-make(chan int)
		}()
		panic("deferred")
	}()
	go inlined(make(chan int))
	go den(make(chan int))
}

//go:noinline
func burrow(depth int, in chan int) int {
	if depth == 0 {
		return <-in
	}
	return burrow(depth-1, in) + 1
}

func helper(in chan int) int  { return <-in }
func inlined(in chan int) int { return helper(in) + helper(in) }

//go:noinline
func den(in chan int) { starts(in); <-in }

// starts is small enough to be inlined, and its closure with it.
func starts(in chan int) { go func() { <-in }() }

func labelCages() {
	go pprof.Do(context.Background(), pprof.Labels("tenant", "t1", "path", "/v1/x"), func(context.Context) {
		<-make(chan int)
	})
	go pprof.Do(context.Background(), pprof.Labels("odd key", "a]b}c\"d\ne, f: g"), func(context.Context) {
		<-make(chan int)
	})
}
