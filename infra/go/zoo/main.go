// Zoo keeps at least one goroutine in every state a goroutine profile can show, so that
// decoders and signatures can be held against real runtimes of every Go release.
//
//	zoo -dump DIR       write every form of the goroutine profile into DIR and end
//	zoo -listen ADDR    serve /debug/pprof, print the address, end with standard input
//	zoo -crash          panic, so that the runtime prints what GOTRACEBACK asks for
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"
)

func main() {
	dump := flag.String("dump", "", "write all profiles into this folder and end")
	listen := flag.String("listen", "", "serve /debug/pprof on this address")
	crash := flag.Bool("crash", false, "panic once every goroutine has blocked")
	herd := flag.Int("herd", 3, "goroutines of each kind")
	settle := flag.Duration("settle", 300*time.Millisecond, "time to let every goroutine block")
	flag.Parse()

	if *listen != "" {
		serve(*listen)
	}
	for i := 0; i < *herd; i++ {
		openCages()
	}
	time.Sleep(*settle)
	fmt.Println("settled")
	if *crash {
		panic("the zoo is closed")
	}
	if *dump != "" {
		if err := writeAll(*dump); err != nil {
			log.Fatal(err)
		}
		return
	}
	waitForEnd()
}

func serve(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %s\n", listener.Addr())
	go func() { log.Fatal(http.Serve(listener, nil)) }()
}

// waitForEnd returns when standard input is closed, so that no zoo outlives its keeper.
func waitForEnd() {
	buffer := make([]byte, 1)
	for {
		if _, err := os.Stdin.Read(buffer); err != nil {
			return
		}
	}
}

// writeAll writes goroutine-{0,1,2} and, where the runtime has it, goroutineleak-{0,1,2}. The
// dump before the first leak profile comes first: leaked marks stay once they are set.
func writeAll(folder string) error {
	if err := os.WriteFile(filepath.Join(folder, "version"), []byte(runtime.Version()), 0o600); err != nil {
		return err
	}
	for _, name := range []string{"goroutine", "goroutineleak"} {
		profile := pprof.Lookup(name)
		if profile == nil {
			continue
		}
		for form := 0; form <= 2; form++ {
			if err := writeOne(profile, filepath.Join(folder, fmt.Sprintf("%s-%d", name, form)), form); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeOne(profile *pprof.Profile, path string, form int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return profile.WriteTo(file, form)
}
