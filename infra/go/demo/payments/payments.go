// Package payments settles batches of card payments.
package payments

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"example.com/shop/internal/service"
)

const paymentsPerBatch = 5

var errDeclined = errors.New("card declined")

type bank struct {
	settled  atomic.Int64
	captured atomic.Int64
	declined atomic.Int64
}

// Open makes the service.
func Open(context.Context, string) service.Service {
	b := &bank{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /settle", b.accept)
	return service.Service{
		Handler:  mux,
		Everyday: []string{"/settle?card=good"},
		Faulty:   "/settle?card=expired",
	}
}

func (b *bank) accept(w http.ResponseWriter, r *http.Request) {
	go b.settle(r.URL.Query().Get("card"))
	time.Sleep(10 * time.Millisecond) // The batch is written to the journal.
	w.WriteHeader(http.StatusAccepted)
}

func (b *bank) settle(card string) {
	var open sync.WaitGroup
	for range paymentsPerBatch {
		open.Add(1)
		go b.capture(card, &open)
	}
	open.Wait()
	b.settled.Add(1)
}

func (b *bank) capture(card string, open *sync.WaitGroup) {
	if err := authorise(card); err != nil {
		b.declined.Add(1)
		// THE LEAK: Done comes at the end and not in a defer, so a declined card leaves the
		// whole batch waiting.
		return
	}
	b.captured.Add(1)
	open.Done()
}

func authorise(card string) error {
	time.Sleep(80 * time.Millisecond) // The card network.
	if card == "expired" {
		return errDeclined
	}
	return nil
}
