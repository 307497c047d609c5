//! TLS and HTTP: wire types, streaming, admin API, limits, the only error to status mapping
