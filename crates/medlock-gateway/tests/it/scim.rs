//! Joiners and leavers, as an identity provider tells of them.

use crate::sso::{log_in, says, who, with};
use medlock_auth::{AdminAction, LocalOperator, PolicySource, PolicyText};
use serde_json::{Value, json};
use testkit::{Answer, Idp, Server};

const USERS: &str = "/scim/v2/Users";

async fn server(idp: &Idp) -> Server {
    Server::builder().sso(idp).limits(|l| l.failed_auth_per_minute = 1000).start().await
}

async fn ask(server: &Server, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    server.request(method, path, &server.key("provisioner"), &[], body).await
}

fn patch(operations: Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

#[tokio::test]
async fn who_joins_is_there_before_they_log_in_and_who_leaves_is_out_at_once() {
    let idp = Idp::default();
    let server = server(&idp).await;
    let grey = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "Dr.Grey", "externalId": "248289761001",
        "active": true, "name": {"familyName": "Grey"}, "emails": [{"value": "grey@hospital.example"}],
    });
    let made = ask(&server, "POST", USERS, grey.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("content-type"), "application/scim+json");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{USERS}/{id}");
    assert_eq!(made.header("location"), path);
    assert!(!made.text.contains("hospital.example"), "what access does not need is not kept");
    let again = ask(&server, "POST", USERS, grey).await;
    assert_eq!((again.status.as_u16(), &again.json()["scimType"]), (409, &json!("uniqueness")));

    // The same person, known by the provider's name for them; what they may, their groups say.
    let cookie = log_in(&server, &idp, with(says(&server), "preferred_username", json!("other"))).await.unwrap();
    let me = who(&server, &cookie).await.json();
    assert_eq!((&me["user"], &me["username"], &me["roles"]), (&json!(id), &json!("dr.grey"), &json!(["clinician"])));
    let mine = made_key(&server, &id).await;
    assert_eq!(server.get("/v1/models", &mine).await.status, 200);

    let left =
        ask(&server, "PATCH", &path, patch(json!([{"op": "Replace", "path": "active", "value": "False"}]))).await;
    assert_eq!((left.status.as_u16(), &left.json()["active"]), (200, &json!(false)), "{}", left.text);
    assert_eq!(who(&server, &cookie).await.status, 401, "the session is over");
    assert_eq!(server.get("/v1/models", &mine).await.status, 401, "and so are their keys");
    assert_eq!(log_in(&server, &idp, says(&server)).await, None);
    let took = server.records("admin_outcome").pop().unwrap();
    assert_eq!(took.facts.word("verb"), Some("change_provisioned"));
    assert!(took.facts.int("ms").is_some(), "how long that took is in the record");

    let back =
        ask(&server, "PATCH", &path, patch(json!([{"op": "add", "value": {"active": true, "title": "Dr"}}]))).await;
    assert_eq!(back.json()["active"], true, "{}", back.text);
    assert!(log_in(&server, &idp, says(&server)).await.is_some());
    assert_eq!(ask(&server, "DELETE", &path, json!(null)).await.status, 204);
    assert_eq!(ask(&server, "GET", &path, json!(null)).await.status, 404);
    assert_eq!(ask(&server, "DELETE", &path, json!(null)).await.status, 404);
    let anew = ask(&server, "POST", USERS, json!({"userName": "dr.grey", "externalId": "248289761001"})).await;
    assert_eq!(anew.status, 201, "the name is free: {}", anew.text);
    assert_ne!(anew.json()["id"], json!(id), "and an id is for life");
}

#[tokio::test]
async fn where_nobody_joins_alone_leaving_waits_for_nobody() {
    let idp = Idp::default();
    let server = server(&idp).await;
    let join = |name: &str| json!({"userName": name, "externalId": format!("of-{name}")});
    // By hand: programs are never asked to wait for somebody.
    let admin = server.session("admin").await;
    let path = format!("/admin/v1/users/{}/roles", server.person("researcher").id);
    let roles = json!({"roles": ["provisioner"]}).to_string();
    assert_eq!(server.request("PUT", &path, &admin, &[], roles.into()).await.status, 204);
    let token = server.session("researcher").await;
    let ask = async |method: &str, path: &str, body: Value| {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        server.request(method, path, &token, &[], body).await
    };
    let by = LocalOperator::new().permit(AdminAction::PolicyReload);
    let load = async |own: &str| {
        let mut texts = PolicySource::Shipped.texts().await.unwrap();
        texts.push(PolicyText { name: "own.cedar".into(), text: own.into() });
        server.auth().reload_policy_from(&by, PolicySource::Texts(texts), 1).await.unwrap();
    };
    let people = r#"@id("people") permit (principal in Medlock::Role::"provisioner",
        action == Medlock::Action::"users:provision", resource);"#;
    load(people).await;
    let made = ask("POST", USERS, join("grey")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("{USERS}/{}", made.json()["id"].as_str().unwrap());
    let two = r#"@id("two") forbid (principal, action == Medlock::Action::"users:provision", resource)
        unless { context.approved };"#;
    load(&format!("{people}{two}")).await;

    for name in ["lee", "kim"] {
        assert_eq!(ask("POST", USERS, join(name)).await.status, 403);
    }
    let active = |on: bool| patch(json!([{"op": "replace", "path": "active", "value": on}]));
    let left = ask("PATCH", &path, active(false)).await;
    assert_eq!(left.status, 200, "{}", left.text);
    assert_eq!(ask("PATCH", &path, active(true)).await.status, 403);
    assert_eq!(ask("DELETE", &path, json!(null)).await.status, 204);
    let officer = server.session("security-officer").await;
    let open = server.get("/admin/v1/approvals", &officer).await.json();
    let details: Vec<&str> = open["data"].as_array().unwrap().iter().map(|a| a["detail"].as_str().unwrap()).collect();
    assert_eq!(details.len(), 3, "two persons are two wishes: {details:?}");
    assert!(details.iter().any(|d| d.contains("name=lee subject=of-lee")), "{details:?}");
}

/// A key of a person of single sign-on, made by an administrator.
async fn made_key(server: &Server, owner: &str) -> String {
    let admin = server.session("admin").await;
    let key =
        json!({"name": "x", "owner": owner, "roles": ["clinician"], "purposes": ["treatment"], "expires_in_days": 1});
    let made = server.post("/admin/v1/keys", &admin, key.to_string().into()).await;
    made.json()["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nobody_but_the_people_of_single_sign_on_is_seen_or_changed() {
    let idp = Idp::default();
    let server = server(&idp).await;
    let admin = server.person("admin").id.to_string();
    assert_eq!(ask(&server, "GET", USERS, json!(null)).await.json()["totalResults"], 0);
    let path = format!("{USERS}/{admin}");
    assert_eq!(ask(&server, "GET", &path, json!(null)).await.status, 404);
    let shut_out = patch(json!([{"op": "replace", "path": "active", "value": false}]));
    for (method, body) in
        [("PATCH", shut_out), ("DELETE", json!(null)), ("PUT", json!({"userName": "admin", "active": false}))]
    {
        assert_eq!(ask(&server, method, &path, body).await.status, 404, "{method}");
    }
    assert_eq!(ask(&server, "POST", USERS, json!({"userName": "admin"})).await.status, 409, "the name is somebody's");
    assert!(!server.session("admin").await.is_empty());
    // A person with the role cannot do it: a program does.
    let person = server.session("provisioner").await;
    assert_eq!(server.get(USERS, &person).await.status, 403);
    // And the program can do nothing else.
    for (method, path) in [("GET", "/admin/v1/users"), ("GET", "/admin/v1/audit"), ("POST", "/admin/v1/keys")] {
        let answer = ask(
            &server,
            method,
            path,
            json!({"name": "x", "roles": ["admin"], "purposes": ["treatment"], "expires_in_days": 1}),
        );
        let body = answer.await;
        assert_eq!(body.status, 403, "{path}: {}", body.text);
    }
    let without = Server::start().await;
    assert_eq!(ask(&without, "GET", USERS, json!(null)).await.status, 400, "no identity provider");
}

#[tokio::test]
async fn people_are_found_by_a_filter_and_page_by_page_and_what_is_not_known_is_refused() {
    let idp = Idp::default();
    let server = server(&idp).await;
    for n in 0..5 {
        let user = json!({"userName": format!("person{n}"), "externalId": format!("Ext-{n}")});
        assert_eq!(ask(&server, "POST", USERS, user).await.status, 201);
    }
    let found = async |query: &str| {
        let answer = ask(&server, "GET", &format!("{USERS}?{query}"), json!(null)).await.json();
        let names = answer["Resources"].as_array().unwrap().iter().map(|u| u["userName"].as_str().unwrap().to_owned());
        (answer["totalResults"].as_u64().unwrap(), names.collect::<Vec<_>>())
    };
    assert_eq!(found("filter=userName%20eq%20%22PERSON3%22").await, (1, vec!["person3".to_owned()]));
    assert_eq!(found("filter=externalId+eq+%22Ext-1%22").await, (1, vec!["person1".to_owned()]));
    assert_eq!(found("filter=externalId+eq+%22ext-1%22").await, (0, vec![]));
    let mut all = Vec::new();
    for start in [1, 3, 5] {
        let (total, page) = found(&format!("startIndex={start}&count=2")).await;
        assert_eq!(total, 5);
        all.extend(page);
    }
    all.sort();
    assert_eq!(all, (0..5).map(|n| format!("person{n}")).collect::<Vec<_>>());

    let search = json!({"filter": "userName eq \"person2\"", "attributes": ["userName"]});
    let searched = ask(&server, "POST", &format!("{USERS}/.search"), search).await.json();
    let only: Vec<_> = searched["Resources"][0].as_object().unwrap().keys().collect();
    assert_eq!(only, ["schemas", "id", "userName"]);
    let less =
        ask(&server, "GET", &format!("{USERS}?excludedAttributes=meta,active&count=1"), json!(null)).await.json();
    assert!(less["Resources"][0]["meta"].is_null() && less["Resources"][0]["userName"].is_string());

    let id = ask(&server, "GET", USERS, json!(null)).await.json()["Resources"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("{USERS}/{id}");
    for (method, path, body, word) in [
        ("GET", format!("{USERS}?filter=name%20co%20%22x%22"), json!(null), "invalidFilter"),
        ("GET", format!("{USERS}?sorted=x"), json!(null), "invalidValue"),
        ("POST", USERS.to_owned(), json!({"active": true}), "invalidValue"),
        ("POST", USERS.to_owned(), json!({"userName": "a b"}), "invalidValue"),
        ("POST", USERS.to_owned(), json!({"userName": "ok", "password": "x"}), "invalidPath"),
        ("POST", USERS.to_owned(), json!({"userName": "ok", "isAdmin": true}), "invalidPath"),
        ("POST", USERS.to_owned(), json!([]), "invalidSyntax"),
        ("PUT", path.clone(), json!({"userName": "ok", "externalId": "other"}), "mutability"),
        ("PATCH", path.clone(), patch(json!([{"op": "remove", "path": "userName"}])), "mutability"),
        ("PATCH", path.clone(), patch(json!([{"op": "remove"}])), "noTarget"),
        ("PATCH", path.clone(), patch(json!([{"op": "move", "path": "active"}])), "invalidSyntax"),
        ("PATCH", path.clone(), patch(json!([{"op": "replace", "path": "active", "value": "maybe"}])), "invalidValue"),
        ("PATCH", path.clone(), json!({"Operations": [], "extra": 1}), "invalidSyntax"),
    ] {
        let refused = ask(&server, method, &path, body.clone()).await;
        let seen = refused.json();
        assert_eq!(
            (refused.status.as_u16(), &seen["scimType"]),
            (400, &json!(word)),
            "{method} {body}: {}",
            refused.text
        );
        assert_eq!(seen["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
    }
    let renamed = ask(&server, "PUT", &path, json!({"userName": "renamed", "emails": []})).await;
    assert_eq!((renamed.status.as_u16(), &renamed.json()["userName"]), (200, &json!("renamed")));
}

#[tokio::test]
async fn whom_an_administrator_shut_out_the_provider_does_not_let_in() {
    let idp = Idp::default();
    let server = server(&idp).await;
    let made = ask(&server, "POST", USERS, json!({"userName": "dr.grey", "externalId": "248289761001"})).await.json();
    let id = made["id"].as_str().unwrap();
    let path = format!("{USERS}/{id}");
    let admin = server.session("admin").await;
    let act = async |verb: &str| {
        let path = format!("/admin/v1/users/{id}/{verb}");
        server.request("POST", &path, &admin, &[], vec![]).await.status.as_u16()
    };
    assert_eq!(act("disable").await, 204);
    let let_in = || patch(json!([{"op": "replace", "path": "active", "value": true}]));
    let refused = ask(&server, "PATCH", &path, let_in()).await;
    assert!(refused.status.is_client_error() && refused.text.contains("administrator"), "{}", refused.text);
    assert_eq!(ask(&server, "GET", &path, json!(null)).await.json()["active"], false);
    // What the provider then shuts out stays an administrator's.
    let shut_out = patch(json!([{"op": "replace", "path": "active", "value": false}]));
    assert_eq!(ask(&server, "PATCH", &path, shut_out).await.status, 200);
    assert!(ask(&server, "PATCH", &path, let_in()).await.status.is_client_error());
    assert_eq!(act("enable").await, 204);
    assert_eq!(ask(&server, "PATCH", &path, let_in()).await.status, 200);
}
