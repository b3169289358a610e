// Package server runs the admission webhook: TLS, metrics, and files that change while
// it runs.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/attest"
)

// Options are the choices of who runs the webhook.
type Options struct {
	// Config, Certificate and Key are paths of files.
	Config, Certificate, Key string
	// Listen is where API servers ask, and MetricsListen where anybody may ask
	// for metrics without TLS; empty for nowhere.
	Listen, MetricsListen string
	// Every is how often the files are looked at.
	Every time.Duration
	// Drain is how long requests are still taken after the end was asked for:
	// until all API servers know that this replica ends.
	Drain time.Duration
	// Secrets has the credentials of pods; nil if they are not used.
	Secrets admission.PullSecrets
}

// Server is a webhook that runs.
type Server struct {
	opts        Options
	log         *slog.Logger
	clock       admission.Clock
	certificate certificate
	handler     *admission.Handler
	listener    net.Listener
	metrics     net.Listener

	digest        atomic.Pointer[attest.Digest]
	ending        atomic.Bool
	configRefused atomic.Int64
	certRefused   atomic.Int64
	// said are the last complaints, so that each is logged once.
	said map[string]string
}

// Start reads the files and listens; whatever is wrong with them is an error.
func Start(opts Options, log *slog.Logger, clock admission.Clock) (*Server, error) {
	s := &Server{opts: opts, log: log, clock: clock, certificate: certificate{certFile: opts.Certificate, keyFile: opts.Key}, said: map[string]string{}}
	if _, err := s.certificate.reload(clock()); err != nil {
		return nil, err
	}
	loaded, err := Load(opts.Config, clock)
	if err != nil {
		return nil, err
	}
	admitter, err := loaded.Admitter(opts.Secrets, clock)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", opts.Config, err)
	}
	s.digest.Store(&loaded.Digest)
	s.handler = admission.NewHandler(admitter, log, clock)
	if s.listener, err = net.Listen("tcp", opts.Listen); err != nil {
		return nil, err
	}
	if opts.MetricsListen != "" {
		if s.metrics, err = net.Listen("tcp", opts.MetricsListen); err != nil {
			return nil, errors.Join(err, s.listener.Close())
		}
	}
	return s, nil
}

// Addr is where API servers ask, and MetricsAddr where there are metrics; nil for
// nowhere.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// MetricsAddr is where there are metrics; nil if nowhere.
func (s *Server) MetricsAddr() net.Addr {
	if s.metrics == nil {
		return nil
	}
	return s.metrics.Addr()
}

// Run serves until the context ends, and then for a while those who do not know yet.
func (s *Server) Run(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("/", s.handler)
	hooks := s.http(mux)
	hooks.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificate.get}
	aside := http.NewServeMux()
	aside.HandleFunc("GET /metrics", s.writeMetrics)
	aside.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	aside.HandleFunc("GET /readyz", s.ready)
	metrics := s.http(aside)

	ended := make(chan error, 2)
	go func() { ended <- hooks.ServeTLS(s.listener, "", "") }()
	if s.metrics != nil {
		go func() { ended <- metrics.Serve(s.metrics) }()
	}
	s.log.Info("ready", "listen", s.Addr().String(), "config", *s.digest.Load(), "certificate_ends", s.certificate.current.Load().Leaf.NotAfter)
	ticker := time.NewTicker(s.opts.Every)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("the server ended: %w", err)
		case <-ticker.C:
			s.reload()
			continue
		case <-ctx.Done():
		}
		break
	}
	s.log.Info("ending", "drain", s.opts.Drain)
	s.ending.Store(true)
	time.Sleep(s.opts.Drain)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	defer cancel()
	return errors.Join(hooks.Shutdown(last), metrics.Shutdown(last))
}

// longest is what API servers give a webhook at most.
const longest = 30 * time.Second

// http is a server with bounds on how slow a client may be.
func (s *Server) http(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: longest, WriteTimeout: 2 * longest, IdleTimeout: 5 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// reload looks at the files. What is wrong is said once, and what was good stays.
func (s *Server) reload() {
	changed, err := s.certificate.reload(s.clock())
	if s.complain("certificate", err) {
		s.certRefused.Add(1)
	}
	if changed {
		s.log.Info("the certificate is a new one", "ends", s.certificate.current.Load().Leaf.NotAfter)
	}
	loaded, err := Load(s.opts.Config, s.clock)
	if err == nil && loaded.Digest == *s.digest.Load() {
		s.complain("configuration", nil)
		return
	}
	var admitter *admission.Admitter
	if err == nil {
		admitter, err = loaded.Admitter(s.opts.Secrets, s.clock)
	}
	if s.complain("configuration", err) {
		s.configRefused.Add(1)
	}
	if err != nil {
		return
	}
	s.handler.Use(admitter)
	s.log.Info("the configuration is a new one", "was", *s.digest.Load(), "config", loaded.Digest)
	s.digest.Store(&loaded.Digest)
}

// complain logs an error unless it is the last one about the same, and reports whether
// it did.
func (s *Server) complain(what string, err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	news := text != s.said[what] && text != ""
	s.said[what] = text
	if news {
		s.log.Error("the new "+what+" is refused, the old one stays", "error", text)
	}
	return news
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.ending.Load() {
		http.Error(w, "this replica ends", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// writeMetrics writes the text format of Prometheus.
func (s *Server) writeMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	s.handler.WriteMetrics(w)
	fmt.Fprintf(w, `# HELP gatehouse_admission_config_info The configuration that is in force.
# TYPE gatehouse_admission_config_info gauge
gatehouse_admission_config_info{digest=%q} 1
# HELP gatehouse_admission_config_refused_total New configurations that were refused; the old one stayed.
# TYPE gatehouse_admission_config_refused_total counter
gatehouse_admission_config_refused_total %d
# HELP gatehouse_admission_certificate_refused_total New certificates that were refused; the old one stayed.
# TYPE gatehouse_admission_certificate_refused_total counter
gatehouse_admission_certificate_refused_total %d
# HELP gatehouse_admission_certificate_end_timestamp_seconds When the certificate ends.
# TYPE gatehouse_admission_certificate_end_timestamp_seconds gauge
gatehouse_admission_certificate_end_timestamp_seconds %d
`, *s.digest.Load(), s.configRefused.Load(), s.certRefused.Load(), s.certificate.current.Load().Leaf.NotAfter.Unix())
}
