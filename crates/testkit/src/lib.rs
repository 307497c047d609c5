//! Test support: whole server in process, scripted model, failing disk, synthetic PHI
