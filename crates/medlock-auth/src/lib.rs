//! Who is it (passwords, factors, sessions, keys) and may they (Cedar): gives Permits
