//! Pulling all parameters of a job, shard by shard.

use std::time::Duration;

use thalweg_common::ids::{Clock, ServerId};
use thalweg_common::message::{Address, Pull, PullPart, PullReply, Reply, Request};

use super::{ObserveError, Observer};

/// How long one shard may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Observer {
    /// All parameters in layout order. Each shard's values are of one version; shards are read one
    /// after the other, so that a server holds one answer at a time.
    ///
    /// # Errors
    /// [`ObserveError`] if a server does not answer or refuses.
    ///
    /// # Panics
    /// If the parameters do not fit the address space.
    pub async fn parameters(&self) -> Result<Vec<f32>, ObserveError> {
        let map = &self.blueprint.map;
        let elements = usize::try_from(map.elements()).expect("parameters fit the address space");
        let mut parameters = vec![0.0_f32; elements];
        for (server, client) in (0_u32..).zip(&self.clients) {
            for (shard, span) in map.of_server(ServerId(server)) {
                let length = span.elements.end - span.elements.start;
                let len = u32::try_from(length).expect("a shard has fewer than 2^32 elements");
                let pull = Pull {
                    fingerprint: self.blueprint.config.fingerprint(),
                    generation: map.generation(),
                    session: self.session,
                    worker: self.worker,
                    clock: Clock(0),
                    patience: PATIENCE,
                    parts: vec![PullPart {
                        shard,
                        address: Address::Range(0..len),
                    }],
                };
                let reply = super::attach::ask(client, Request::Pull(pull), PATIENCE)
                    .await
                    .map_err(|error| error.at_server(server))?;
                let Reply::Pulled(PullReply::Ready(reads)) = reply else {
                    return Err(ObserveError::unexpected(client, &reply));
                };
                let found = reads.first().map_or(0, |read| read.payload.values());
                if reads.len() != 1 || found != len as usize {
                    return Err(ObserveError::Values {
                        address: client.address().to_owned(),
                        shard: shard.0,
                        found,
                        expected: len as usize,
                    });
                }
                let start = usize::try_from(span.elements.start).expect("the vector holds it");
                reads[0]
                    .payload
                    .copy_to(&mut parameters[start..start + len as usize]);
            }
        }
        Ok(parameters)
    }
}
