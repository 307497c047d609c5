//! Every route, once: the router is built from this table, and so is the test that knocks at every
//! door of it.

use crate::app::App;
use crate::error::{Fault, HttpFault};
use crate::{admin, body, chat, health, models, scim, web};
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use std::sync::Arc;

/// Who may knock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, for the reason given.
    Public(&'static str),
    /// Whoever is authenticated; what comes back depends on what policy gives them.
    Caller,
    /// Whoever policy gives this administrative action; others get 403.
    Admin,
}

/// One method of one path.
#[derive(Clone, Copy)]
pub struct Route {
    /// Upper case.
    pub method: &'static str,
    /// With `{name}` for a part that varies.
    pub path: &'static str,
    /// Who may knock.
    pub access: Access,
    handler: fn() -> MethodRouter<Arc<App>>,
}

const fn route(
    method: &'static str,
    path: &'static str,
    access: Access,
    handler: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    Route { method, path, access, handler }
}

use Access::{Admin, Caller, Public};

/// The table.
pub const ROUTES: &[Route] = &[
    route("GET", "/healthz", Public("load balancers have no credential; says only that it runs"), || {
        get(health::alive)
    }),
    route("GET", "/readyz", Public("load balancers have no credential; says only what is down"), || get(health::ready)),
    route("POST", "/admin/v1/login", Public("how people get a credential"), || post(admin::session::log_in)),
    route("POST", "/admin/v1/login/passkey/options", Public("how people get a credential"), || {
        post(admin::passkey::log_in_options)
    }),
    route("POST", "/admin/v1/login/passkey", Public("how people get a credential"), || post(admin::passkey::log_in)),
    route("GET", "/", Public("a page, the same for everybody"), || get(web::home)),
    route("GET", "/login", Public("a page, the same for everybody"), || get(web::log_in)),
    route("GET", "/login/methods", Public("says which ways in there are"), || get(web::sso::methods)),
    route("GET", "/login/sso", Public("how people get a credential"), || get(web::sso::depart)),
    route("GET", "/login/sso/callback", Public("how people get a credential"), || get(web::sso::come_back)),
    route("POST", "/login/sso/logout", Public("the identity provider signs what it sends"), || post(web::sso::log_out)),
    route("GET", "/account", Public("a page, the same for everybody; what it shows it asks for"), || get(web::account)),
    route("GET", "/assets/login.js", Public("part of a page"), || get(web::log_in_script)),
    route("GET", "/assets/account.js", Public("part of a page"), || get(web::account_script)),
    route("GET", "/assets/client.js", Public("part of a page"), || get(web::client_script)),
    route("GET", "/assets/style.css", Public("part of a page"), || get(web::style)),
    route("GET", "/assets/icon.svg", Public("part of a page"), || get(web::icon)),
    route("POST", "/v1/chat/completions", Caller, || post(chat::completions)),
    route("GET", "/v1/models", Caller, || get(models::list)),
    route("GET", "/v1/models/{id}", Caller, || get(models::one)),
    route("POST", "/admin/v1/logout", Caller, || post(admin::session::log_out)),
    route("POST", "/admin/v1/step-up", Caller, || post(admin::session::step_up)),
    route("POST", "/admin/v1/step-up/options", Caller, || post(admin::session::step_up_options)),
    route("GET", "/admin/v1/whoami", Caller, || get(admin::session::who_am_i)),
    route("GET", "/admin/v1/users", Admin, || get(admin::user::list)),
    route("POST", "/admin/v1/users", Admin, || post(admin::user::create)),
    route("POST", "/admin/v1/users/{id}/disable", Admin, || post(admin::user::disable)),
    route("POST", "/admin/v1/users/{id}/enable", Admin, || post(admin::user::enable)),
    route("POST", "/admin/v1/users/{id}/reset-factor", Admin, || post(admin::user::reset_factor)),
    route("PUT", "/admin/v1/users/{id}/password", Admin, || put(admin::user::set_password)),
    route("PUT", "/admin/v1/users/{id}/roles", Admin, || put(admin::user::set_roles)),
    route("GET", "/admin/v1/keys", Admin, || get(admin::key::list)),
    route("POST", "/admin/v1/keys", Admin, || post(admin::key::create)),
    route("DELETE", "/admin/v1/keys/{id}", Admin, || delete(admin::key::revoke)),
    route("POST", "/admin/v1/keys/{id}/rotate", Admin, || post(admin::key::rotate)),
    route("POST", "/admin/v1/recovery-codes", Admin, || post(admin::user::new_recovery_codes)),
    route("GET", "/admin/v1/passkeys", Admin, || get(admin::passkey::list)),
    route("POST", "/admin/v1/passkeys", Admin, || post(admin::passkey::add)),
    route("POST", "/admin/v1/passkeys/options", Admin, || post(admin::passkey::options)),
    route("DELETE", "/admin/v1/passkeys/{id}", Admin, || delete(admin::passkey::remove)),
    route("GET", "/admin/v1/sessions", Admin, || get(admin::session::list)),
    route("DELETE", "/admin/v1/sessions/{id}", Admin, || delete(admin::session::end)),
    route("POST", "/admin/v1/policy/reload", Admin, || post(admin::state::reload_policy)),
    route("GET", "/scim/v2/ServiceProviderConfig", Caller, || get(scim::discovery::config)),
    route("GET", "/scim/v2/ResourceTypes", Caller, || get(scim::discovery::kinds)),
    route("GET", "/scim/v2/ResourceTypes/{id}", Caller, || get(scim::discovery::one_kind)),
    route("GET", "/scim/v2/Schemas", Caller, || get(scim::discovery::schemas)),
    route("GET", "/scim/v2/Schemas/{id}", Caller, || get(scim::discovery::one_schema)),
    route("GET", "/scim/v2/Users", Admin, || get(scim::list)),
    route("POST", "/scim/v2/Users", Admin, || post(scim::join)),
    route("POST", "/scim/v2/.search", Admin, || post(scim::search)),
    route("POST", "/scim/v2/Users/.search", Admin, || post(scim::search)),
    route("GET", "/scim/v2/Users/{id}", Admin, || get(scim::one)),
    route("PUT", "/scim/v2/Users/{id}", Admin, || put(scim::replace)),
    route("PATCH", "/scim/v2/Users/{id}", Admin, || patch(scim::patch)),
    route("DELETE", "/scim/v2/Users/{id}", Admin, || delete(scim::leave)),
    route("GET", "/admin/v1/approvals", Admin, || get(admin::approval::list)),
    route("POST", "/admin/v1/approvals", Admin, || post(admin::approval::ask)),
    route("POST", "/admin/v1/approvals/{id}/approve", Admin, || post(admin::approval::approve)),
    route("POST", "/admin/v1/approvals/{id}/refuse", Admin, || post(admin::approval::refuse)),
    route("POST", "/admin/v1/approvals/{id}/end", Admin, || post(admin::approval::end)),
    route("POST", "/admin/v1/recertifications", Admin, || post(admin::recertify::begin)),
    route("GET", "/admin/v1/recertifications/latest", Admin, || get(admin::recertify::latest)),
    route("POST", "/admin/v1/recertifications/latest/keep", Admin, || post(admin::recertify::keep)),
    route("POST", "/admin/v1/models/{id}/promote", Admin, || post(admin::model::promote)),
    route("POST", "/admin/v1/models/{id}/rollback", Admin, || post(admin::model::roll_back)),
    route("POST", "/admin/v1/models/{id}/quarantine", Admin, || post(admin::model::quarantine)),
    route("GET", "/admin/v1/break-glass", Admin, || get(admin::emergency::list)),
    route("POST", "/admin/v1/break-glass", Admin, || post(admin::emergency::open)),
    route("POST", "/admin/v1/break-glass/drill", Admin, || post(admin::emergency::drill)),
    route("POST", "/admin/v1/break-glass/{id}/end", Admin, || post(admin::emergency::end)),
    route("POST", "/admin/v1/break-glass/{id}/review", Admin, || post(admin::emergency::review)),
    route("GET", "/admin/v1/audit", Admin, || get(admin::state::search)),
    route("POST", "/admin/v1/audit/search", Admin, || post(admin::content::search)),
    route("POST", "/admin/v1/audit/content/{request}", Admin, || post(admin::content::open)),
    route("POST", "/admin/v1/audit/erase", Admin, || post(admin::content::erase)),
    route("GET", "/admin/v1/audit/erasures/{number}", Admin, || get(admin::content::certificate)),
    route("GET", "/admin/v1/audit/holds", Admin, || get(admin::content::holds)),
    route("POST", "/admin/v1/audit/holds", Admin, || post(admin::content::hold)),
    route("POST", "/admin/v1/audit/holds/{number}/lift", Admin, || post(admin::content::lift)),
    route("POST", "/admin/v1/audit/reconstruct", Admin, || post(admin::report::reconstruct)),
    route("POST", "/admin/v1/audit/disclosures", Admin, || post(admin::report::disclosures)),
    route("POST", "/admin/v1/audit/reviews", Admin, || post(admin::report::pack)),
    route("POST", "/admin/v1/audit/reviews/{number}/sign", Admin, || post(admin::report::sign)),
    route("GET", "/admin/v1/audit/checkpoint", Admin, || get(admin::state::checkpoint)),
];

/// Whether anybody may knock here. The path is compared as it was sent: what is spelled in any
/// other way is not on the list.
pub(crate) fn is_public(method: &str, path: &str) -> bool {
    ROUTES.iter().any(|r| matches!(r.access, Public(_)) && r.method == method && r.path == path)
}

/// The router behind the door.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, (route.handler)());
    }
    router
        .route_layer(middleware::from_fn(mark))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(app)
}

/// The path of the table that a request went to, for the metrics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marked(pub(crate) &'static str);

async fn mark(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|p| p.as_str());
    let marked = path.and_then(|p| ROUTES.iter().find(|r| r.path == p)).map(|r| Marked(r.path));
    let mut response = next.run(request).await;
    if let Some(marked) = marked {
        response.extensions_mut().insert(marked);
    }
    response
}

async fn no_route(request: Request) -> Response {
    refuse(request, HttpFault::NoSuchRoute).await
}

async fn no_method(request: Request) -> Response {
    refuse(request, HttpFault::NoSuchMethod).await
}

async fn refuse(request: Request, fault: HttpFault) -> Response {
    let (parts, rest) = request.into_parts();
    body::waste(&parts.headers, rest).await;
    Fault::from(fault).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_list_is_this_and_no_longer() {
        let public: Vec<_> =
            ROUTES.iter().filter(|r| matches!(r.access, Public(_))).map(|r| (r.method, r.path)).collect();
        let doors = [("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/admin/v1/login")];
        let passkeys = [("POST", "/admin/v1/login/passkey/options"), ("POST", "/admin/v1/login/passkey")];
        let sso = [
            ("GET", "/login/methods"),
            ("GET", "/login/sso"),
            ("GET", "/login/sso/callback"),
            ("POST", "/login/sso/logout"),
        ];
        let pages = [("GET", "/"), ("GET", "/login")].into_iter().chain(sso).chain([("GET", "/account")]);
        let assets = ["login.js", "account.js", "client.js", "style.css", "icon.svg"].map(|a| format!("/assets/{a}"));
        let pages = pages.chain(assets.iter().map(|path| ("GET", path.as_str())));
        assert_eq!(public, doors.into_iter().chain(passkeys).chain(pages).collect::<Vec<_>>());
    }

    #[test]
    fn only_the_exact_spelling_is_public() {
        assert!(is_public("GET", "/healthz"));
        for path in ["/healthz/", "//healthz", "/%68ealthz", "/healthz;x", "/healthz/../v1/models", "/HEALTHZ", ""] {
            assert!(!is_public("GET", path), "{path}");
        }
        for method in ["POST", "HEAD", "OPTIONS", "get"] {
            assert!(!is_public(method, "/healthz"), "{method}");
        }
    }

    #[test]
    fn nothing_public_has_a_part_that_varies_or_stands_twice() {
        for (i, route) in ROUTES.iter().enumerate() {
            assert!(!(matches!(route.access, Public(_)) && route.path.contains('{')), "{}", route.path);
            assert!(ROUTES[..i].iter().all(|r| (r.method, r.path) != (route.method, route.path)), "{}", route.path);
        }
    }
}
