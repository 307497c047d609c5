//! `POST /v1/chat/completions`: from the wire into the guarded path and back.

use crate::answer::{AnswerBody, Counted};
use crate::app::App;
use crate::body;
use crate::error::{Fault, HttpFault};
use crate::front::Caller;
use crate::metrics::Direction;
use crate::wire::{self, Answer, Gathered, Reply, Wanted};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use medlock_domain::{PatientRef, ProtectionMode, Purpose};
use medlock_pipeline::{Arrival, Delivery, Event, Exchange, Head};
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

pub(crate) async fn completions(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    let place = app.quotas.take(&caller.principal, caller.asked.from, app.clock.now()).map_err(|over| {
        if !over.first {
            app.noise(caller.asked.from, "rate_limited");
        }
        HttpFault::OverQuota(over)
    });
    let (place, Wishes { patient, purpose, at_least }) = match place.and_then(|place| Ok((place, wishes(&headers)?))) {
        Ok(both) => both,
        Err(fault) => {
            body::waste(&headers, body).await;
            return Err(fault.into());
        }
    };
    let patient = match (patient, caller.principal.patient()) {
        (declared, None) => declared,
        (None, Some(only)) => Some(only.clone()),
        (Some(declared), Some(only)) if declared == *only => Some(declared),
        (Some(_), Some(_)) => {
            body::waste(&headers, body).await;
            let expected = "the patient whom the credential is for, or left out";
            return Err(HttpFault::BadHeader { name: PATIENT, expected }.into());
        }
    };
    let body = body::read(&headers, body, app.limits.body_bytes, app.limits.body_timeout).await?;
    let slot = app.chats.clone().try_acquire_owned().map_err(|_| HttpFault::TooManyRequests)?;
    let left = place.left();
    let counted = Counted::new(app.clone(), slot, place, caller.asked.clone(), body.len());
    let arrival = Arrival {
        request: caller.asked.request.clone(),
        principal: caller.principal,
        body,
        from: caller.asked.from,
        patient,
        purpose,
        at_least,
    };
    let (tell, mut told) = oneshot::channel();
    let bounds = app.bounds();
    // From here on the way is recorded, whatever becomes of this connection: to drop the exchange
    // ends the work, and closes the record.
    let Exchange { head, events, delivery } = app.guard.start(arrival, move |bytes| {
        let (parsed, wanted) = wire::chat(bytes, &bounds)?;
        let _nobody_waits = tell.send(wanted);
        Ok(parsed)
    });
    let head = head.await.map_err(|_| Fault::internal())??;
    let wanted = told.try_recv().map_err(|_| Fault::internal())?;
    app.metrics.found(&head.findings, Direction::In);
    let answer = Answer::new(&caller.asked.request, app.clock.now(), wanted.model.clone());
    let mut response = match wanted.stream {
        true => streamed(&head, answer, &wanted, events, delivery, counted),
        false => whole(&head, answer, &wanted, events, delivery, counted).await?,
    };
    left.into_iter().for_each(|(name, value)| insert(response.headers_mut(), name, &value));
    Ok(response)
}

/// What the caller's headers ask for.
#[cfg_attr(test, derive(Debug, Clone, PartialEq))]
struct Wishes {
    patient: Option<PatientRef>,
    purpose: Option<Purpose>,
    at_least: Option<ProtectionMode>,
}

const PATIENT: &str = "x-medlock-patient";
const PURPOSE: &str = "x-medlock-purpose";
const PROTECTION: &str = "x-medlock-protection";

fn wishes(headers: &HeaderMap) -> Result<Wishes, HttpFault> {
    // A misspelt wish for more protection must not be passed over.
    let ours = |name: &HeaderName| name.as_str().starts_with("x-medlock-");
    if headers.keys().any(|name| ours(name) && ![PATIENT, PURPOSE, PROTECTION].contains(&name.as_str())) {
        return Err(HttpFault::UnknownHeader);
    }
    let patient = wish(headers, PATIENT, "one patient's record number or FHIR reference, up to 64 ASCII characters")?;
    let purpose = wish(headers, PURPOSE, "treatment, payment, operations, research, emergency or patient-request")?;
    let at_least = wish(headers, PROTECTION, "identified, surrogate, tokenize, redact or block")?;
    Ok(Wishes { patient, purpose, at_least })
}

fn wish<T: FromStr>(headers: &HeaderMap, name: &'static str, expected: &'static str) -> Result<Option<T>, HttpFault> {
    let mut all = headers.get_all(name).iter();
    let bad = HttpFault::BadHeader { name, expected };
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => one.to_str().ok().and_then(|v| v.parse().ok()).map(Some).ok_or(bad),
        _ => Err(bad),
    }
}

fn streamed(
    head: &Head,
    answer: Answer,
    wanted: &Wanted,
    events: mpsc::Receiver<Event>,
    delivery: Delivery,
    counted: Counted,
) -> Response {
    let stream = wire::Stream::new(answer, wanted.n, wanted.include_usage, head.findings.clone());
    let mut response = Response::new(Body::new(AnswerBody::streamed(stream, events, delivery, counted)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    describe(headers, head);
    response
}

async fn whole(
    head: &Head,
    answer: Answer,
    wanted: &Wanted,
    mut events: mpsc::Receiver<Event>,
    delivery: Delivery,
    counted: Counted,
) -> Result<Response, Fault> {
    let mut reply = Reply::new(answer, wanted.n);
    let refusal = loop {
        let Some(event) = events.recv().await else { break Fault::internal() };
        match reply.take(event) {
            Gathered::More => {}
            Gathered::Failed(refusal) => break refusal.into(),
            Gathered::Whole { body, text_bytes, usage, removed } => {
                counted.ended(text_bytes, usage, &removed);
                let mut response = Response::new(Body::new(AnswerBody::whole(body, text_bytes, delivery, counted)));
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                describe(headers, head);
                insert(headers, "x-medlock-removed", &wire::counted(&removed));
                return Ok(response);
            }
        }
    };
    // The answer is this error, and none of the text: that much is written to its end.
    delivery.finished();
    Err(refusal)
}

/// What the caller may know of how the request went: classes and counts.
fn describe(headers: &mut HeaderMap, head: &Head) {
    insert(headers, "x-medlock-audit", &head.receipt);
    insert(headers, "x-medlock-findings", &wire::counted(&head.findings));
    insert(headers, "x-medlock-protection", head.mode.as_str());
    if let Some(agreement) = head.patient {
        insert(headers, "x-medlock-patient-agreement", agreement);
    }
    if let Some((id, until)) = &head.emergency {
        insert(headers, "x-medlock-emergency", &format!("{id}; until={}", until.rfc3339()));
    }
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> Result<Wishes, HttpFault> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        wishes(&headers)
    }

    #[test]
    fn wishes_are_understood_or_refused_never_ignored() {
        let none = Wishes { patient: None, purpose: None, at_least: None };
        let patient = "4411023".parse().ok();
        assert_eq!(read(&[("x-medlock-patient", "Patient/4411023")]), Ok(Wishes { patient, ..none.clone() }));
        let (purpose, at_least) = (Some(Purpose::Research), Some(ProtectionMode::Redact));
        assert_eq!(
            read(&[("x-medlock-purpose", "research"), ("x-medlock-protection", "redact")]),
            Ok(Wishes { purpose, at_least, ..none })
        );
        for bad in [
            &[("x-medlock-purpose", "curiosity")][..],
            &[("x-medlock-protection", "none")],
            &[("x-medlock-protect", "redact")],
            &[("x-medlock-purpose", "research"), ("x-medlock-purpose", "treatment")],
            &[("x-medlock-patient", "---")],
            &[("x-medlock-patient", "1"), ("x-medlock-patient", "2")],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
