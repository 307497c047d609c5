//! Opening what is sealed in the log. The server gives the sealed bytes and its share of their keys; the
//! reading key, which it does not have, opens them where the reader is.

use super::approval::Consent;
use super::{Admin, AdminError, Because, By, under};
use crate::content_keys::{Closed, ContentKeys};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use medlock_audit::read::{Parcel, StoredEntry};
use medlock_audit::{Kind, Share};
use medlock_auth::AdminAction;
use medlock_domain::RequestId;
use medlock_review::{Field, Index, IndexError, Order, Query};
use serde_json::{Value, json};

/// One entry with content, on its way to whoever holds the reading key.
pub struct Sealed {
    /// The entry and what is sealed.
    pub parcel: Parcel,
    /// What the server's keys give to its opening, or the name of the key that was destroyed.
    pub share: Result<Share, String>,
}

impl Sealed {
    /// As the server hands it over.
    pub fn to_json(&self) -> Value {
        let parcel = &self.parcel;
        let mut value = json!({
            "entry": BASE64.encode(&parcel.leaf),
            "sealed": BASE64.encode(&parcel.sealed),
            "log": parcel.origin,
            "segment": parcel.segment,
            "enc": BASE64.encode(&parcel.enc),
            "reading_key": parcel.reading_key.map(|id| BASE64.encode(id)),
        });
        match &self.share {
            Ok(share) => value["share"] = BASE64.encode(share.expose()).into(),
            Err(key) => value["erased_with"] = key.as_str().into(),
        }
        value
    }

    /// Back from [`Sealed::to_json`]; `None` when it is something else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let bytes = |name: &str| BASE64.decode(value.get(name)?.as_str()?).ok();
        let word = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let share = match bytes("share") {
            Some(share) => Ok(Share::from_bytes(share.try_into().ok()?)),
            None => Err(word("erased_with")?),
        };
        let reading_key = bytes("reading_key").map(<[u8; 32]>::try_from).transpose().ok()?;
        let (leaf, sealed, enc) = (bytes("entry")?, bytes("sealed")?, bytes("enc")?);
        let segment = value.get("segment")?.as_u64()?;
        Some(Self { parcel: Parcel { leaf, sealed, origin: word("log")?, segment, enc, reading_key }, share })
    }
}

impl Admin {
    /// Everything that was sealed of a request, with the server's share of the keys. Takes the right, a reason
    /// and a fresh second factor; that it was opened is a record before anything is given.
    pub async fn open_content(
        &self,
        by: By<'_>,
        request: &RequestId,
        because: &Because,
    ) -> Result<Vec<Sealed>, AdminError> {
        const VERB: &str = "open_content";
        let about = by.entry(Kind::AdminIntent, AdminAction::AuditOpenContent, VERB).word("opened", request.as_str());
        let wanted = async { Ok(Consent::of(VERB, &about, Vec::new())) };
        let permit = self.justified(by, AdminAction::AuditOpenContent, VERB, because, wanted).await?;
        let sealed = self.or_recorded(by, &permit, VERB, self.sealed(request).await).await?;
        let entry = under(by.entry(Kind::ContentRead, permit.action(), VERB), &permit).word("opened", request.as_str());
        let entry = because.note(entry).int("entries", sealed.len() as i64);
        self.log.append(entry).await?;
        Ok(sealed)
    }

    async fn sealed(&self, request: &RequestId) -> Result<Vec<Sealed>, AdminError> {
        const MOST: usize = 1000;
        let (index, keys) = (self.index()?, self.content_keys()?);
        let query = Query::new().with(Field::Request, request.as_str()).map_err(|_| AdminError::NotFound("request"))?;
        index.catch_up().await.map_err(unfindable)?;
        let page = index.contents(&query.order(Order::Oldest), None, MOST).await.map_err(unfindable)?;
        if page.next.is_some() {
            return Err(AdminError::Refused("the request has more than 1,000 records: open the files".into()));
        }
        let mut sealed = Vec::new();
        for entry in &page.entries {
            let Some(parcel) = entry.parcel() else { continue };
            let share = match keys.share(entry).await {
                Ok(share) => Ok(share),
                Err(Closed::Erased(key)) => Err(key),
                Err(e) => return Err(lost(e)),
            };
            sealed.push(Sealed { parcel, share });
        }
        if sealed.is_empty() { Err(AdminError::NotFound("request with sealed content")) } else { Ok(sealed) }
    }

    /// Every entry that a query finds in the log as it is now.
    pub(super) async fn entries(
        &self,
        query: Query,
    ) -> Result<BoxStream<'_, Result<StoredEntry, AdminError>>, AdminError> {
        let index = self.index()?;
        index.catch_up().await.map_err(unfindable)?;
        Ok(index.each(query).map_err(unfindable).boxed())
    }

    pub(super) fn index(&self) -> Result<&Index, AdminError> {
        self.index.as_ref().ok_or_else(|| AdminError::Refused("this server has no audit index".into()))
    }

    pub(super) fn content_keys(&self) -> Result<&ContentKeys, AdminError> {
        self.content_keys.as_ref().ok_or_else(|| AdminError::Refused("this server has no keys of content".into()))
    }
}

pub(super) fn unfindable(error: IndexError) -> AdminError {
    match error {
        IndexError::Unfit(_) => AdminError::Refused(error.to_string()),
        error => {
            tracing::error!(error = %error, "the audit log could not be searched");
            AdminError::Failed
        }
    }
}

pub(super) fn lost(error: impl std::fmt::Display) -> AdminError {
    tracing::error!(error = %error, "a key of sealed content");
    AdminError::Failed
}
