package api

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// page serves the built page: files by name, everything else the one HTML document, whose script
// reads the address. Only this machine's own scripts run in it.
func (s *Server) page() http.Handler {
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; " +
		"media-src 'self' blob:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"connect-src " + strings.Join(append([]string{"'self'"}, s.cfg.Connect...), " ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "the page is read with GET", http.StatusMethodNotAllowed)
			return
		}
		if s.cfg.Page == nil {
			h.Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("<!doctype html><title>Hotseat</title><p>This build of Hotseat has no page in it. Build it with <code>task build</code> and start again."))
			return
		}
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if info, err := fs.Stat(s.cfg.Page, name); err == nil && !info.IsDir() {
			if strings.HasPrefix(name, "assets/") { // their names hold a hash of their content
				h.Set("Cache-Control", "public, max-age=31536000, immutable")
			}
			http.ServeFileFS(w, r, s.cfg.Page, name)
			return
		}
		if strings.HasPrefix(name, "assets/") {
			http.NotFound(w, r)
			return
		}
		h.Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, s.cfg.Page, "index.html")
	})
}
