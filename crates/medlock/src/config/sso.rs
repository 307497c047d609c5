//! The identity provider that people log in through.

use super::judge::Judge;
use super::settings::{KeyRef, key_ref};
use medlock_domain::RoleName;
use std::path::{Path, PathBuf};

/// Which provider, how it is reached, and what its words mean here.
#[derive(Debug, Clone)]
pub(crate) struct SsoSettings {
    pub(crate) issuer: String,
    pub(crate) port: u16,
    pub(crate) ca: PathBuf,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<KeyRef>,
    pub(crate) username_claim: String,
    pub(crate) groups_claim: String,
    pub(crate) roles: Vec<(RoleName, String)>,
    pub(crate) second_factor: Vec<String>,
    /// Who access tokens of programs have to be for.
    pub(crate) audience: Option<String>,
    /// Which of their claims names the only patient whom they are for.
    pub(crate) patient_claim: Option<String>,
}

const ISSUER: &str = "the provider's https address, as it stands in its tokens (`iss`)";
const ROLES: &str = "roles with the groups that have them: \"clinician = physicians; auditor = compliance\"";
const SECRET: &str = "a reference to the secret, \"file:PATH\" or \"env:NAME\", never the secret itself";

pub(super) fn judge(j: &mut Judge, data: &Path, has_origin: bool) -> Option<SsoSettings> {
    let issuer = j.take("sso.issuer", ISSUER, |v| v.as_text().filter(|t| port(t).is_some()).map(str::to_owned));
    let ca = j.maybe_path("sso.ca", data);
    let client_id = text(j, "sso.client_id", "our name at the provider");
    let client_secret = j.take("sso.client_secret", SECRET, |v| key_ref(v, data));
    let username_claim = text(j, "sso.username_claim", "a claim").unwrap_or_else(|| "preferred_username".into());
    let groups_claim = text(j, "sso.groups_claim", "a claim").unwrap_or_else(|| "groups".into());
    let roles = j.take("sso.roles", ROLES, |v| v.as_text().filter(|t| roles(t).is_some()).map(str::to_owned));
    let second_factor = text(j, "sso.second_factor", "values of amr or acr that say that a second factor was shown");
    let audience = text(j, "sso.audience", "who access tokens of programs have to be for");
    let patient_claim = text(j, "sso.patient_claim", "a claim of access tokens");
    let issuer = issuer?;
    let (Some(ca), Some(client_id), Some(roles)) = (ca, client_id, roles) else {
        j.conflict(
            "sso.issuer",
            "set ca, client_id and roles as well: the certificates that the provider's is checked against (public ones \
             are often /etc/ssl/certs/ca-certificates.crt), our name there, and which groups have which roles",
        );
        return None;
    };
    if !has_origin {
        j.conflict("sso.issuer", "set login.origin as well: the provider sends people back to that address");
    }
    let split = |text: String| text.split([',', ' ']).filter(|s| !s.is_empty()).map(str::to_owned).collect();
    Some(SsoSettings {
        port: port(&issuer)?,
        issuer,
        ca,
        client_id,
        client_secret,
        username_claim,
        groups_claim,
        roles: self::roles(&roles)?,
        second_factor: second_factor.map(split).unwrap_or_default(),
        audience,
        patient_claim,
    })
}

fn text(j: &mut Judge, key: &'static str, expected: &str) -> Option<String> {
    let some = |t: &&str| (1..=1024).contains(&t.len()) && !t.chars().any(char::is_control);
    j.take(key, expected, |v| v.as_text().filter(some).map(str::to_owned))
}

pub(super) fn port(text: &str) -> Option<u16> {
    let url = reqwest::Url::parse(text).ok()?;
    let plain =
        url.scheme() == "https" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    url.port_or_known_default().filter(|_| plain)
}

/// A group may have any name without a semicolon; a role has no equals sign.
fn roles(text: &str) -> Option<Vec<(RoleName, String)>> {
    let pairs = text.split(';').map(str::trim).filter(|pair| !pair.is_empty());
    let pairs: Option<Vec<_>> = pairs
        .map(|pair| {
            let (role, group) = pair.split_once('=')?;
            let group = group.trim();
            Some((role.trim().parse().ok()?, group.to_owned())).filter(|_| !group.is_empty())
        })
        .collect();
    pairs.filter(|pairs| !pairs.is_empty())
}

#[cfg(test)]
mod tests {
    use super::roles;

    #[test]
    fn roles_of_groups_with_any_name() {
        let read = |text| roles(text).map(|r| r.iter().map(|(r, g)| format!("{r}<{g}")).collect::<Vec<_>>().join("|"));
        assert_eq!(
            read("clinician = physicians; auditor=CN=audit,OU=x; ").as_deref(),
            Some("clinician<physicians|auditor<CN=audit,OU=x")
        );
        for bad in ["", ";", "clinician", "clinician =", "= physicians", "a b = c"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
