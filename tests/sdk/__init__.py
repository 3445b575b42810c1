"""Auth0's own SDKs, unmodified, against the example site over TLS."""
