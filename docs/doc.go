// Package docs holds the documents, and tests that keep them true: that the paths, tasks and
// commands they name exist, and that the arrows of architecture.md point down.
package docs
