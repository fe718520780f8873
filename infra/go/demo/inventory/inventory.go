// Package inventory reserves articles for a short while.
package inventory

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"example.com/shop/internal/service"
)

const (
	inStock      = 3
	reservedTime = 50 * time.Millisecond
)

var errShort = errors.New("not enough in stock")

// reservation holds units of one article until it expires.
type reservation struct {
	mu      sync.Mutex
	article string
	units   int
}

// Open makes the service.
func Open(context.Context, string) service.Service {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /reserve", reserve)
	return service.Service{
		Handler:  mux,
		Everyday: []string{"/reserve?basket=small"},
		Faulty:   "/reserve?basket=large",
	}
}

func reserve(w http.ResponseWriter, r *http.Request) {
	units := 1
	if r.URL.Query().Get("basket") == "large" {
		units = inStock + 1
	}
	held := &reservation{article: "teapot"}
	go held.expire()
	if err := held.take(units); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

func (r *reservation) take(units int) error {
	r.mu.Lock()
	time.Sleep(10 * time.Millisecond) // The shelf is counted.
	if units > inStock {
		// THE LEAK: the reservation stays locked, and whoever expires it waits for ever.
		return errShort
	}
	r.units = units
	r.mu.Unlock()
	return nil
}

func (r *reservation) expire() {
	time.Sleep(reservedTime)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.units = 0
}
