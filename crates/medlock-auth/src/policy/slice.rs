//! The policies that can say anything to a question: their scope names its action and one of the caller's roles, or leaves
//! them open. The others do not apply whatever else is so, and Cedar would look at each of them.

use super::decide::{Action, uid};
use super::load::Loaded;
use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicySet, PrincipalConstraint};
use medlock_domain::RoleName;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

/// Slices of one generation of policies.
#[derive(Default)]
pub(crate) struct Slices(RwLock<HashMap<Key, Arc<PolicySet>>>);

type Key = (Action, bool, Vec<RoleName>);

/// Full, it is begun anew.
const MOST: usize = 1024;

impl Loaded {
    /// Of all policies those that can apply to somebody with these roles who does this.
    pub(crate) fn slice(&self, action: Action, person: bool, roles: &[RoleName]) -> Arc<PolicySet> {
        let key = (action, person, roles.to_vec());
        if let Some(known) = self.slices.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let slice = Arc::new(self.cut(action, person, roles));
        let mut all = self.slices.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(key, slice.clone());
        slice
    }

    fn cut(&self, action: Action, person: bool, roles: &[RoleName]) -> PolicySet {
        let action = uid(5, action.as_str());
        let groups: HashSet<EntityUid> =
            self.base.ancestors(&action).into_iter().flatten().cloned().chain([action.clone()]).collect();
        let roles: HashSet<EntityUid> = roles.iter().map(|role| uid(0, role.as_str())).collect();
        let mut slice = PolicySet::new();
        for policy in self.set.policies().filter(|policy| applies(policy, &action, &groups, person, &roles)) {
            // They come from a set, where each has a name of its own: if one could not be taken, all are asked.
            if slice.add(policy.clone()).is_err() {
                return self.set.clone();
            }
        }
        slice
    }
}

fn applies(
    policy: &Policy,
    action: &EntityUid,
    groups: &HashSet<EntityUid>,
    person: bool,
    roles: &HashSet<EntityUid>,
) -> bool {
    let action = match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(only) => only == *action,
        ActionConstraint::In(any) => any.iter().any(|one| groups.contains(one)),
    };
    let kind = |name: &str| name == if person { "Medlock::Person" } else { "Medlock::Machine" };
    // In something else than a role: what that is, Cedar says.
    let within = |one: &EntityUid| one.type_name().to_string() != "Medlock::Role" || roles.contains(one);
    action
        && match policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::Eq(_) => true,
            PrincipalConstraint::In(one) => within(&one),
            PrincipalConstraint::Is(of) => kind(&of.to_string()),
            PrincipalConstraint::IsIn(of, one) => kind(&of.to_string()) && within(&one),
        }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::{Case, PolicySource, PolicyText, When, Who};
    use super::*;
    use crate::permit::{AdminAction, Relation};
    use medlock_domain::{NetworkSource, ProtectionMode, Purpose};

    #[tokio::test]
    async fn a_slice_decides_as_the_whole_does() {
        let mut texts = PolicySource::Shipped.texts().await.unwrap();
        texts.push(PolicyText::two_persons());
        let loaded = Loaded::new(&texts, 1).unwrap();
        let actions = ProtectionMode::ALL.into_iter().map(Action::Chat).chain([Action::Restore, Action::ModelsList]);
        let actions = actions.chain([Action::Login]).chain(AdminAction::ALL.map(Action::Admin));
        let model = "m".parse().unwrap();
        let (mut asked, mut looked_at) = (0, 0);
        for action in actions {
            let uses = matches!(action, Action::Chat(_) | Action::Restore);
            let about = (uses || action == Action::ModelsList).then_some((&model, true));
            for role in &loaded.roles {
                for roles in [vec![role.clone()], vec!["admin".parse().unwrap(), role.clone()], Vec::new()] {
                    for (person, purpose) in [true, false].into_iter().flat_map(|p| Purpose::ALL.map(|u| (p, u))) {
                        let who = Who {
                            id: "usr",
                            person,
                            roles: &roles,
                            purposes: &Purpose::ALL,
                            mfa: person,
                            fresh: person,
                            approved: false,
                            from: NetworkSource([192, 0, 2, 7].into()),
                            when: When::SOME,
                            emergency: false,
                            relation: Relation::Unasked,
                        };
                        let case = Case::new(&loaded, &who, about).unwrap();
                        let purpose = uses.then_some(purpose);
                        let [slice, whole] = [true, false].map(|sliced| case.asked(action, purpose, sliced));
                        assert_eq!(
                            (slice.allowed, &slice.policies),
                            (whole.allowed, &whole.policies),
                            "{action:?} {role}"
                        );
                        asked += loaded.set.num_of_policies();
                        looked_at += loaded.slice(action, person, &roles).num_of_policies();
                    }
                }
            }
        }
        assert!(looked_at * 4 < asked, "{looked_at} of {asked}");
    }
}
