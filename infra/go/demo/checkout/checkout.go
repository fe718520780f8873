// Package checkout works out what a basket costs, tax included.
package checkout

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"example.com/shop/internal/service"
)

const taxPatience = 60 * time.Millisecond

type till struct {
	tax taxOffice
}

// Open makes the service.
func Open(context.Context, string) service.Service {
	t := &till{tax: taxOffice{slow: "islands"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /total", t.total)
	return service.Service{
		Handler:  mux,
		Everyday: []string{"/total?region=north", "/total?region=south"},
		Faulty:   "/total?region=islands",
	}
}

func (t *till) total(w http.ResponseWriter, r *http.Request) {
	region := r.URL.Query().Get("region")
	rate := make(chan int)
	go func() {
		// THE LEAK: after the time-out below nobody receives any more, so this send never
		// ends. A buffer of one would let it.
		rate <- t.tax.rate(region)
	}()
	select {
	case percent := <-rate:
		fmt.Fprintf(w, "100 + %d %% tax\n", percent)
	case <-time.After(taxPatience):
		http.Error(w, "the tax office does not answer", http.StatusGatewayTimeout)
	}
}

// taxOffice stands for a remote service that is slow for one region.
type taxOffice struct {
	slow string
}

func (o taxOffice) rate(region string) int {
	if region == o.slow {
		time.Sleep(3 * taxPatience)
	} else {
		time.Sleep(taxPatience / 3)
	}
	return 19
}
