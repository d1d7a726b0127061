"""HTTPS of the console: its certificate checked and loaded, renewed while it runs, made by a certificate authority of the
station's own where nobody else gives one, and the page by which phones learn to trust that authority (docs/https.md).

Entry points: `context.TlsContext` (served with), `authority.Authority` (makes), `certificate.load` (checks).
"""
