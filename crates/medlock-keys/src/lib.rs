//! Every cryptographic primitive and key life cycle
