//! The architecture as a check: who may depend on whom (`ARCHITECTURE.md`).

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Our crates and their layers. A crate depends on layers below its own only.
const LAYERS: &[(&str, u8)] = &[
    ("medlock", 5),
    ("medlock-gateway", 4),
    ("medlock-pipeline", 3),
    ("medlock-records", 3),
    ("medlock-review", 3),
    ("medlock-onnx", 3),
    ("medlock-auth", 2),
    ("medlock-audit", 2),
    ("medlock-deid", 2),
    ("medlock-model", 2),
    ("medlock-engine", 2),
    ("medlock-store", 1),
    ("medlock-keys", 1),
    ("medlock-domain", 0),
];

/// Neighbours on one layer that may know each other all the same, and why.
const SIDEWAYS: &[(&str, &str)] = &[
    ("medlock-model", "medlock-engine"),    // the client speaks the engine's protocol
    ("medlock-store", "medlock-keys"),      // rows are sealed and authenticated
    ("medlock-pipeline", "medlock-review"), // the administrative verbs search the log
];

/// What a crate must never name directly.
const NEVER: &[(&str, &[&str])] = &[
    ("medlock-domain", &["tokio", "reqwest", "sqlx"]),
    ("medlock-deid", &["tokio", "reqwest", "sqlx", "axum", "medlock-store", "medlock-audit", "medlock-keys"]),
    ("medlock-records", &["tokio", "reqwest", "sqlx", "axum", "medlock-store", "medlock-audit", "medlock-keys"]),
    ("medlock-engine", &["tokio", "reqwest", "sqlx", "axum", "medlock-auth", "medlock-store", "medlock-audit"]),
    ("medlock-audit", &["medlock-store", "medlock-deid", "medlock-gateway", "sqlx", "axum"]),
    ("medlock-auth", &["axum", "hyper", "medlock-deid", "medlock-model", "medlock-engine"]),
    ("medlock-pipeline", &["axum", "hyper", "rustls"]),
    ("medlock-gateway", &["medlock-deid", "medlock-model", "medlock-engine", "medlock-store"]),
];

/// What only these crates may name directly.
const ONLY: &[(&str, &[&str])] = &[
    ("aws-lc-rs", &["medlock-keys"]),
    ("argon2", &["medlock-keys"]),
    ("axum", &["medlock-gateway"]),
    ("hyper", &["medlock-gateway"]),
    ("rustls", &["medlock-gateway"]),
    ("tokio-rustls", &["medlock-gateway"]),
    ("rcgen", &["medlock-gateway"]),
    ("sqlx", &["medlock-store", "medlock-review"]),
    ("cedar-policy", &["medlock-auth"]),
    ("webauthn-rs", &["medlock-auth"]),
    ("jsonwebtoken", &["medlock-auth"]),
    ("llama-cpp-sys-2", &["medlock-engine"]),
    ("ort", &["medlock-onnx"]),
    ("tokenizers", &["medlock-onnx"]),
    ("landlock", &["medlock-engine"]),
    ("seccompiler", &["medlock-engine"]),
];

/// What nobody gets who did not ask for it by a feature.
const OPTIONAL: &[&str] = &["medlock-onnx"];

/// Reads the workspace and lists every edge that should not be.
pub(crate) fn check() -> Result<Vec<String>, String> {
    let metadata = MetadataCommand::new().no_deps().exec().map_err(|e| format!("cargo metadata: {e}"))?;
    let mut faults = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            faults.extend(fault(&package.name, &dependency.name));
            if OPTIONAL.contains(&dependency.name.as_str()) && !dependency.optional {
                faults.push(format!("{} brings {} to everybody: make it optional", package.name, dependency.name));
            }
        }
    }
    for package in metadata.workspace_packages() {
        let of = |feature: &str| package.features.get(feature).into_iter().flatten();
        let by_default = of("default").flat_map(|f| of(f).chain([f]));
        let asked_for = by_default.filter(|f| OPTIONAL.contains(&f.trim_start_matches("dep:")));
        faults.extend(asked_for.map(|f| format!("{} has {f} on by default: leave it to who asks", package.name)));
    }
    Ok(faults)
}

/// What is wrong with one direct dependency, if anything.
fn fault(from: &str, to: &str) -> Option<String> {
    if matches!(from, "testkit" | "xtask" | "deid-train") {
        return None; // never shipped
    }
    let layer = |name: &str| LAYERS.iter().find(|(n, _)| *n == name).map(|(_, l)| *l);
    let Some(own) = layer(from) else {
        return Some(format!("{from} has no layer: add it to ARCHITECTURE.md and here"));
    };
    if NEVER.iter().any(|(n, bans)| *n == from && bans.contains(&to)) {
        return Some(format!("{from} must never depend on {to}"));
    }
    if let Some((_, may)) = ONLY.iter().find(|(n, _)| *n == to)
        && !may.contains(&from)
    {
        return Some(format!("{from} depends on {to}, which only {} may name", may.join(", ")));
    }
    match layer(to) {
        Some(other) if other >= own && !SIDEWAYS.contains(&(from, to)) => {
            Some(format!("{from} (layer {own}) depends on {to} (layer {other}): dependencies point down"))
        }
        None if matches!(to, "testkit" | "xtask" | "deid-train") => {
            Some(format!("{from} ships {to}, which is for tests"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_edges_are_found_and_allowed_ones_are_not() {
        for (from, to) in [
            ("medlock-deid", "tokio"),
            ("medlock-domain", "medlock-keys"),
            ("medlock-auth", "medlock-audit"),
            ("medlock-gateway", "medlock-store"),
            ("medlock-pipeline", "aws-lc-rs"),
            ("medlock", "sqlx"),
            ("medlock", "ort"),
            ("medlock-deid", "medlock-onnx"),
            ("medlock", "rustls"),
            ("medlock", "testkit"),
            ("medlock-scan", "medlock-deid"),
        ] {
            assert!(fault(from, to).is_some(), "{from} -> {to}");
        }
        for (from, to) in [
            ("medlock-model", "medlock-engine"),
            ("medlock-pipeline", "medlock-audit"),
            ("medlock-keys", "aws-lc-rs"),
            ("medlock-gateway", "tokio"),
            ("testkit", "medlock-store"),
        ] {
            assert_eq!(fault(from, to), None);
        }
    }
}
