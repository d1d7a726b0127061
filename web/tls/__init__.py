"""HTTPS of the console: checking, loading and renewing its certificate, and the station's own certificate authority.

The authority issues the certificate where nobody else does; on an install page phones learn to trust it
(docs/https.md). Entry points: `context.TlsContext` (serves), `authority.Authority` (issues), `certificate.load`
(checks).
"""
