// Package notifications pushes offers to the customers who are looking at the shop.
package notifications

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"example.com/shop/internal/service"
)

// hub knows the mailbox of everyone who is to be told.
type hub struct {
	mu        sync.Mutex
	last      int
	mailboxes map[int]chan string
	delivered atomic.Int64
}

// Open makes the service; it announces an offer every second until ctx ends.
func Open(ctx context.Context, _ string) service.Service {
	h := &hub{mailboxes: map[int]chan string{}}
	go h.announceOffers(ctx)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /visit", h.visit)
	return service.Service{
		Handler:  mux,
		Everyday: []string{"/visit?leaves=politely"},
		Faulty:   "/visit?leaves=abruptly",
	}
}

func (h *hub) visit(w http.ResponseWriter, r *http.Request) {
	visitor := h.subscribe()
	time.Sleep(30 * time.Millisecond) // The visitor looks around.
	if r.URL.Query().Get("leaves") == "abruptly" {
		// THE LEAK: the subscription stays. The hub still reaches its mailbox, and the
		// deliverer even wakes for every offer: nothing is provably stuck.
		http.Error(w, "connection lost", http.StatusRequestTimeout)
		return
	}
	h.unsubscribe(visitor)
	w.WriteHeader(http.StatusNoContent)
}

func (h *hub) subscribe() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	mailbox := make(chan string, 1)
	h.mailboxes[h.last] = mailbox
	go h.deliver(mailbox)
	return h.last
}

func (h *hub) unsubscribe(visitor int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.mailboxes[visitor])
	delete(h.mailboxes, visitor)
}

func (h *hub) deliver(mailbox <-chan string) {
	for range mailbox {
		h.delivered.Add(1)
	}
}

func (h *hub) announceOffers(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.broadcast("teapots half price")
		}
	}
}

func (h *hub) broadcast(offer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, mailbox := range h.mailboxes {
		select {
		case mailbox <- offer:
		default: // Still busy with the last one.
		}
	}
}
