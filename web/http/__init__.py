"""HTTP below the routes: listener and TLS, limits on connections and bodies, proxies, cookies, security headers."""
