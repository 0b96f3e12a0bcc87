//! Where the program is tried: a repository behind a server.

use crate::fixture::small;
use crate::product::Objects;
use crate::support::git_repository::{Repositories, Repository};
use crate::support::git_server::{GitServer, Settings};
use crate::support::program::Program;

/// A repository behind a server, and a program.
pub struct Stage {
    pub program: Program,
    _repositories: Repositories,
    pub repository: Repository,
    pub server: GitServer,
}

impl Stage {
    pub fn new(settings: Settings) -> Self {
        let repositories = Repositories::new();
        let repository = small(&repositories);
        let server = GitServer::start(repositories.root(), settings);
        Self {
            program: Program::new(),
            repository,
            server,
            _repositories: repositories,
        }
    }

    pub fn objects(&self) -> Objects {
        Objects::new(&self.server.url("fleet"))
    }
}
