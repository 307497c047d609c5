//! Who treats whom (45 CFR 164.502(b), minimum necessary; 164.312(a)(1)).

use medlock_auth::{Auth, Principal, Relation};
use medlock_domain::PatientRef;

/// Keeps account of who treats whom.
#[async_trait::async_trait]
pub trait Relationships: Send + Sync + 'static {
    /// Whether somebody whom other systems call one of these treats the patient; the first is what they are called by.
    ///
    /// # Errors
    /// When it cannot be found out, in words that name nobody.
    async fn treats(&self, who: &[String; 2], patient: &PatientRef) -> Result<bool, String>;
}

/// What the caller is to the patient that they declare.
pub(crate) async fn relation(
    kept: Option<&dyn Relationships>,
    auth: &Auth,
    who: &Principal,
    patient: Option<&PatientRef>,
) -> Relation {
    match (kept, patient) {
        (None, _) => Relation::Unasked,
        (Some(_), None) => Relation::Undeclared,
        (Some(kept), Some(patient)) => match treats(kept, auth, who, patient).await {
            Ok(true) => Relation::Related,
            Ok(false) => Relation::Unrelated,
            Err(why) => {
                tracing::error!(why, "it is not known who treats whom");
                Relation::Unknown
            }
        },
    }
}

async fn treats(kept: &dyn Relationships, auth: &Auth, who: &Principal, patient: &PatientRef) -> Result<bool, String> {
    let names = auth.names_of(who).await.map_err(|_| "the database cannot be read")?;
    kept.treats(&names, patient).await
}
