//! OCSF 1.8 events. What has no field of its own is in `unmapped`.

use super::{Exporter, Seen, Severity};
use medlock_audit::{Kind, Outcome};
use serde_json::{Map, Value, json};

/// A class of event, and what was done: a number of that class, and a word where the number is "other".
struct Class {
    category: u32,
    uid: u32,
    activity: u32,
}

const OTHER: u32 = 99;

fn class(seen: &Seen<'_>) -> Class {
    let of = |category, uid, activity| Class { category, uid, activity };
    match seen.entry.kind {
        Kind::LoginOk | Kind::LoginFailed => of(3, 3002, 1),
        Kind::Logout | Kind::SessionEnded => of(3, 3002, 2),
        Kind::ServerStart => of(6, 6002, 3),
        Kind::ServerStop | Kind::EngineDown => of(6, 6002, 4),
        Kind::ModelLoaded => of(6, 6002, OTHER),
        Kind::AdminOutcome if seen.about.is_some() => match seen.word("verb") {
            Some("create_user") => of(3, 3001, 1),
            Some("enable_user") => of(3, 3001, 2),
            Some("set_password") => of(3, 3001, 3),
            Some("disable_user") => of(3, 3001, 5),
            _ => of(3, 3001, OTHER),
        },
        Kind::Open => of(6, 6003, 1),
        Kind::ContentRead | Kind::LogRead | Kind::Delivery => of(6, 6003, 2),
        Kind::PolicyLoaded => of(6, 6003, 3),
        _ => of(6, 6003, OTHER),
    }
}

pub(super) fn event(exporter: &Exporter, seen: &Seen<'_>) -> Value {
    let (entry, Class { category, uid, activity }) = (seen.entry, class(seen));
    let severity = match seen.severity() {
        Severity::Information => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
    };
    let status = match entry.outcome {
        Outcome::Ok => 1,
        Outcome::Denied | Outcome::Failed => 2,
        Outcome::Aborted | Outcome::Pending => OTHER,
    };
    let mut event = Map::new();
    let mut set = |key: &str, value: Value| drop(event.insert(key.to_owned(), value));
    set("category_uid", category.into());
    set("class_uid", uid.into());
    set("activity_id", activity.into());
    set("type_uid", (uid * 100 + activity).into());
    if activity == OTHER {
        set("activity_name", entry.kind.as_str().into());
    }
    set("time", entry.time.0.into());
    set("severity_id", severity.into());
    set("status_id", status.into());
    set("status", entry.outcome.as_str().into());
    set("message", entry.kind.as_str().into());
    let mut metadata = json!({
        "version": "1.8.0", "uid": entry.receipt_id(), "log_name": exporter.origin,
        "product": { "name": "medlock", "vendor_name": "medlock", "version": exporter.version },
    });
    if let Some(index) = entry.recorded_index() {
        metadata["sequence"] = index.into();
    }
    if let Some(request) = &entry.request {
        metadata["correlation_uid"] = request.as_str().into();
    }
    set("metadata", metadata);
    set("unmapped", Value::Object(seen.facts.clone()));
    let user = |uid: &Option<String>| json!({ "uid": uid.as_deref().unwrap_or(seen.actor) });
    let mut actor = match &seen.user {
        Some(_) => json!({ "user": user(&seen.user) }),
        None => json!({ "app_name": seen.actor }),
    };
    if let Some(session) = &seen.session {
        actor["session"] = json!({ "uid": session });
    }
    let endpoint = match &seen.from {
        Some(ip) => json!({ "ip": ip }),
        None => json!({ "svc_name": "medlock" }),
    };
    match uid {
        3002 => {
            set("user", user(if seen.user.is_some() { &seen.user } else { &seen.about }));
            set("service", json!({ "name": "medlock" }));
            set("src_endpoint", endpoint);
        }
        3001 => {
            set("user", user(&seen.about));
            set("actor", actor);
        }
        6002 => set("app", json!({ "name": "medlock", "vendor_name": "medlock", "version": exporter.version })),
        _ => {
            let operation = seen.word("verb").or(seen.word("action")).unwrap_or(entry.kind.as_str());
            set("api", json!({ "operation": operation, "service": { "name": "medlock" } }));
            set("actor", actor);
            set("src_endpoint", endpoint);
        }
    }
    Value::Object(event)
}
