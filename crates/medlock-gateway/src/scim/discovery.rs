//! What this server says of itself to SCIM clients (RFC 7643, 5 to 7): people with the few attributes that are kept.

use super::{LIST, MOST, Scim, USER};
use axum::extract::Path;
use serde_json::{Value, json};

use crate::error::Fault;

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const KIND: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// `GET /scim/v2/ServiceProviderConfig`.
pub(crate) async fn config() -> Scim {
    Scim(json!({
        "schemas": [CONFIG],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": MOST},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": false},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "API key",
            "description": "A key of the role provisioner, as a bearer token",
        }],
        "meta": {"resourceType": "ServiceProviderConfig", "location": "/scim/v2/ServiceProviderConfig"},
    }))
}

fn kind() -> Value {
    json!({
        "schemas": [KIND],
        "id": "User",
        "name": "User",
        "endpoint": "/Users",
        "description": "People of single sign-on",
        "schema": USER,
        "schemaExtensions": [],
        "meta": {"resourceType": "ResourceType", "location": "/scim/v2/ResourceTypes/User"},
    })
}

/// `GET /scim/v2/ResourceTypes`.
pub(crate) async fn kinds() -> Scim {
    list(&[kind()])
}

/// `GET /scim/v2/ResourceTypes/{id}`.
pub(crate) async fn one_kind(Path(id): Path<String>) -> Result<Scim, Fault> {
    if id == "User" { Ok(Scim(kind())) } else { Err(Fault::not_found("resource type")) }
}

fn schema() -> Value {
    let attribute = |name: &str, kind: &str, required: bool, exact: bool, unique: &str, of: &str| {
        json!({
            "name": name, "type": kind, "multiValued": false, "description": of, "required": required,
            "caseExact": exact, "mutability": "readWrite", "returned": "default", "uniqueness": unique,
        })
    };
    json!({
        "schemas": [SCHEMA],
        "id": USER,
        "name": "User",
        "description": "People of single sign-on",
        "attributes": [
            attribute("userName", "string", true, false, "server", "What people call them; kept in lower case"),
            attribute("active", "boolean", true, false, "none", "Whether they are let in; true in a new user without it"),
        ],
        "meta": {"resourceType": "Schema", "location": format!("/scim/v2/Schemas/{USER}")},
    })
}

/// `GET /scim/v2/Schemas`.
pub(crate) async fn schemas() -> Scim {
    list(&[schema()])
}

/// `GET /scim/v2/Schemas/{id}`.
pub(crate) async fn one_schema(Path(id): Path<String>) -> Result<Scim, Fault> {
    if id == USER { Ok(Scim(schema())) } else { Err(Fault::not_found("schema")) }
}

fn list(all: &[Value]) -> Scim {
    Scim(json!({
        "schemas": [LIST], "totalResults": all.len(), "startIndex": 1, "itemsPerPage": all.len(), "Resources": all,
    }))
}
