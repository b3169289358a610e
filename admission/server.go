package admission

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Handler serves the webhook: POST /validate and /mutate.
type Handler struct {
	admitter atomic.Pointer[Admitter]
	log      *slog.Logger
	clock    Clock
	busy     chan struct{}
	counts   counters
}

type counters struct {
	admitted, denied, malformed, shed atomic.Int64
	seconds                           atomic.Int64 // in nanoseconds
}

// NewHandler makes the handler.
func NewHandler(a *Admitter, log *slog.Logger, clock Clock) *Handler {
	h := &Handler{log: log, clock: clock, busy: make(chan struct{}, limits.MaxAdmissionRequests)}
	h.admitter.Store(a)
	return h
}

// Use lets another admitter decide about requests from now on.
func (h *Handler) Use(a *Admitter) { h.admitter.Store(a) }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/validate" && r.URL.Path != "/mutate" || r.Method != http.MethodPost {
		http.Error(w, "want POST /validate or /mutate", http.StatusNotFound)
		return
	}
	h.review(w, r)
}

func (h *Handler) review(w http.ResponseWriter, r *http.Request) {
	start := h.clock()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limits.MaxReviewBytes))
	if err != nil {
		h.counts.malformed.Add(1)
		http.Error(w, "the review cannot be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	request, err := ParseReview(body)
	if err != nil {
		// Without a uid there is no answer that an API server accepts. It
		// takes this for a failure, and its failurePolicy decides.
		h.counts.malformed.Add(1)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := deadline(r)
	defer cancel()
	d := h.decide(ctx, r.URL.Path, request)
	took := h.clock().Sub(start)
	h.counts.seconds.Add(int64(took))
	if d.Allowed {
		h.counts.admitted.Add(1)
	} else {
		h.counts.denied.Add(1)
	}
	h.log.Info("decision", "path", r.URL.Path, "allowed", d.Allowed, "message", d.Message, "warnings", d.Warnings, "audit", d.Audit, "uid", request.UID, "operation", request.Operation,
		"kind", request.Kind.String(), "namespace", request.Namespace, "name", request.Name, "user", request.UserInfo.Username, "dry_run", request.DryRun, "took", took)
	answer, err := EncodeResponse(request.UID, d)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(answer); err != nil {
		h.log.Warn("the answer was not sent", "uid", request.UID, "error", err)
	}
}

// decide answers, or denies if there is too much to do or something goes wrong.
func (h *Handler) decide(ctx context.Context, path string, r *Request) (d Decision) {
	select {
	case h.busy <- struct{}{}:
		defer func() { <-h.busy }()
	default:
		h.counts.shed.Add(1)
		return Decision{Message: "gatehouse: too many requests at once; try again"}
	}
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("panic", "uid", r.UID, "panic", fmt.Sprint(p))
			d = Decision{Message: "gatehouse: the decision failed; see the log of the webhook"}
		}
	}()
	if path == "/mutate" {
		return h.admitter.Load().Mutate(ctx, r)
	}
	return h.admitter.Load().Validate(ctx, r)
}

// deadline is a little before the time that the API server gives, which it says in the
// query: timeout=10s.
func deadline(r *http.Request) (context.Context, context.CancelFunc) {
	timeout := limits.DefaultAdmissionTimeout
	if t, err := time.ParseDuration(r.URL.Query().Get("timeout")); err == nil && t > 0 && t <= 30*time.Second {
		timeout = t
	}
	return context.WithTimeout(r.Context(), timeout-min(timeout/10, 500*time.Millisecond))
}

// WriteMetrics writes the text format of Prometheus.
//
// https://prometheus.io/docs/instrumenting/exposition_formats/
func (h *Handler) WriteMetrics(w io.Writer) {
	c := &h.counts
	_, err := fmt.Fprintf(w, `# HELP gatehouse_admission_decisions_total Decisions, by result.
# TYPE gatehouse_admission_decisions_total counter
gatehouse_admission_decisions_total{result="admitted"} %d
gatehouse_admission_decisions_total{result="denied"} %d
# HELP gatehouse_admission_malformed_total Requests that could not be read.
# TYPE gatehouse_admission_malformed_total counter
gatehouse_admission_malformed_total %d
# HELP gatehouse_admission_shed_total Requests that were denied because there were too many.
# TYPE gatehouse_admission_shed_total counter
gatehouse_admission_shed_total %d
# HELP gatehouse_admission_seconds_total Time that decisions took.
# TYPE gatehouse_admission_seconds_total counter
gatehouse_admission_seconds_total %g
`, c.admitted.Load(), c.denied.Load(), c.malformed.Load(), c.shed.Load(), time.Duration(c.seconds.Load()).Seconds())
	if err != nil {
		h.log.Debug("metrics were not sent", "error", err)
	}
}
