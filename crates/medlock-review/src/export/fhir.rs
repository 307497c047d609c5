//! FHIR R4 AuditEvent. Agents and entities are laid out as IHE BALP 1.1 (Basic Audit Log Patterns) has
//! them: who asked (110153), who was asked (110152), the person behind it, and the request as an entity.

use super::{Exporter, Seen};
use medlock_audit::{Kind, Outcome};
use serde_json::{Value, json};

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const REST_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";

fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({ "system": system, "code": code, "display": display })
}

fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [coding(system, code, display)] })
}

/// Type, subtype and action.
fn what(kind: Kind) -> (Value, Option<Value>, &'static str) {
    let dcm = |code, display| coding(DCM, code, display);
    let rest = |interaction, action| {
        (coding(REST_TYPE, "rest", "RESTful Operation"), Some(coding(INTERACTION, interaction, interaction)), action)
    };
    match kind {
        Kind::LoginOk | Kind::LoginFailed => (dcm("110114", "User Authentication"), Some(dcm("110122", "Login")), "E"),
        Kind::Logout | Kind::SessionEnded => (dcm("110114", "User Authentication"), Some(dcm("110123", "Logout")), "E"),
        Kind::ServerStart | Kind::ModelLoaded => {
            (dcm("110100", "Application Activity"), Some(dcm("110120", "Application Start")), "E")
        }
        Kind::ServerStop | Kind::EngineDown => {
            (dcm("110100", "Application Activity"), Some(dcm("110121", "Application Stop")), "E")
        }
        Kind::LogRead | Kind::ContentRead | Kind::Delivery => (dcm("110101", "Audit Log Used"), None, "R"),
        Kind::AdminIntent | Kind::AdminOutcome | Kind::PolicyLoaded => {
            (dcm("110113", "Security Alert"), Some(dcm("110137", "User Security Attributes Changed")), "U")
        }
        Kind::Denied | Kind::Noise | Kind::Recovery => (dcm("110113", "Security Alert"), None, "E"),
        Kind::SegmentStart => (dcm("110100", "Application Activity"), None, "E"),
        Kind::Open | Kind::Permit | Kind::Findings | Kind::Release | Kind::Close => rest("create", "C"),
    }
}

/// HL7 v3 ActReason, where the purpose has one.
fn purpose(word: &str) -> Option<Value> {
    let (code, display) = match word {
        "treatment" => ("TREAT", "treatment"),
        "payment" => ("HPAYMT", "healthcare payment"),
        "operations" => ("HOPERAT", "healthcare operations"),
        "research" => ("HRESCH", "healthcare research"),
        _ => return None,
    };
    Some(concept("http://terminology.hl7.org/CodeSystem/v3-ActReason", code, display))
}

pub(super) fn audit_event(exporter: &Exporter, seen: &Seen<'_>) -> Value {
    let entry = seen.entry;
    let (kind, subtype, action) = what(entry.kind);
    let outcome = match entry.outcome {
        Outcome::Ok | Outcome::Pending => "0",
        Outcome::Denied | Outcome::Aborted => "4",
        Outcome::Failed => "8",
    };
    let token = |value: &str| json!({ "identifier": { "system": "urn:medlock:export-token", "value": value } });
    let mut client = json!({
        "type": concept(DCM, "110153", "Source Role ID"), "requestor": seen.user.is_none(),
        "who": { "display": seen.actor },
    });
    if let Some(session) = &seen.session {
        client["who"] = token(session);
    }
    if let Some(ip) = &seen.from {
        client["network"] = json!({ "address": ip, "type": "2" });
    }
    let server = json!({
        "type": concept(DCM, "110152", "Destination Role ID"), "requestor": false, "who": { "display": "medlock" },
    });
    let mut agents = vec![client, server];
    if let Some(user) = &seen.user {
        let role = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
        agents.push(json!({
            "type": concept(role, "IRCP", "information recipient"), "requestor": true, "who": token(user),
        }));
    }
    let mut entities = vec![json!({
        "what": { "identifier": { "system": format!("urn:medlock:log:{}", exporter.origin), "value": entry.receipt_id() } },
        "type": { "system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "4", "display": "Other" },
        "detail": seen.facts.iter().map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // An empty string is no FHIR string.
            json!({ "type": key, "valueString": if text.is_empty() { "(none)".to_owned() } else { text } })
        }).collect::<Vec<_>>(),
    })];
    if entities[0]["detail"].as_array().is_some_and(Vec::is_empty) {
        entities[0].as_object_mut().map(|entity| entity.remove("detail"));
    }
    if let Some(request) = &entry.request {
        let kind = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
        entities.push(json!({
            "what": { "identifier": { "value": request.as_str() } }, "type": { "system": kind, "code": "XrequestId" },
        }));
    }
    if let Some(patient) = seen.word("patient") {
        let system = "http://terminology.hl7.org/CodeSystem";
        entities.push(json!({
            "what": token(patient),
            "type": { "system": format!("{system}/audit-entity-type"), "code": "1", "display": "Person" },
            "role": { "system": format!("{system}/object-role"), "code": "1", "display": "Patient" },
        }));
    }
    let mut event = json!({
        "resourceType": "AuditEvent", "id": entry.receipt_id().replace('_', "-"), "type": kind, "action": action,
        "recorded": entry.time.rfc3339(), "outcome": outcome, "outcomeDesc": entry.outcome.as_str(), "agent": agents,
        "source": {
            "site": exporter.origin, "observer": { "display": "medlock" },
            "type": [coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server")],
        },
        "entity": entities,
    });
    if let Some(subtype) = subtype {
        event["subtype"] = json!([subtype]);
    }
    if let Some(purpose) = seen.word("purpose").and_then(purpose) {
        event["purposeOfEvent"] = json!([purpose]);
    }
    event
}
