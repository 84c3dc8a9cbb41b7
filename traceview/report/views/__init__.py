"""View models: what the templates show, as plain text and figures."""
