"""The second factor: time-based one-time codes of an authenticator (RFC 6238), and recovery codes.

`codes` computes and compares codes, `checking` accepts a code once, `service` enrols and removes authenticators and
confirms sessions. `core.accounts.sign_in` asks for a code after the password.
"""
