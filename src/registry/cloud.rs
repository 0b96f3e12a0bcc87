//! Logins of clouds through the workstation's own tools: the cloud's docker credential helper, or
//! its command line. No cloud's library is linked.

use regex::Regex;
use serde::Deserialize;

use super::helpers::{ProgramError, Programs};
use super::login::{Credential, Login};
use crate::ports::Provider;
use crate::redacted::Redacted;

/// Hosts of Amazon's registries, as the controllers compare them.
const AWS_HOSTS: &str = r"([0-9+]*).dkr[.-]ecr(?:-fips)?\.([^/.]*)\.(amazonaws\.com[.cn]*|amazonaws\.eu|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov|on\.aws)";
const AWS_PUBLIC_HOST: &str = "public.ecr.aws";
const AZURE_HOSTS: &str = r"^.+\.(azurecr\.io|azurecr\.cn|azurecr\.de|azurecr\.us)$";
const GCP_HOSTS: &str = r"^(((.+\.)?gcr\.io)|(.+-docker\.pkg\.dev)|(docker\.s3nsregistry\.fr))$";

/// The user that Azure's registries expect beside a refresh token.
const AZURE_USER: &str = "00000000-0000-0000-0000-000000000000";

/// Checks that a registry is one of the provider's; the controllers' text otherwise.
pub(super) fn check_host(provider: Provider, registry: &str) -> Result<(), String> {
    let (name, pattern) = match provider {
        Provider::Generic => return Ok(()),
        Provider::Aws if registry == AWS_PUBLIC_HOST => return Ok(()),
        Provider::Aws => ("AWS", AWS_HOSTS),
        Provider::Azure => ("Azure", AZURE_HOSTS),
        Provider::Gcp => ("GCP", GCP_HOSTS),
    };
    let matches = Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(registry));
    if matches {
        Ok(())
    } else {
        Err(format!(
            "invalid {name} registry: '{registry}'. must match {pattern}"
        ))
    }
}

/// Credentials for a registry of the provider.
pub(super) async fn login(
    provider: Provider,
    registry: &str,
    programs: &Programs,
) -> Result<Login, ProgramError> {
    let helpers: &[&str] = match provider {
        Provider::Generic => return Ok(Login::anonymous()),
        Provider::Aws => &["ecr-login"],
        Provider::Azure => &["acr-env", "acr"],
        Provider::Gcp => &["gcloud", "gcr"],
    };
    let mut problem = None;
    for helper in helpers {
        match programs.docker_credential(helper, registry).await {
            Ok(Credential::Anonymous) | Err(ProgramError::Missing(_)) => {}
            Ok(credential) => {
                return Ok(Login {
                    credential,
                    source: format!("credential helper docker-credential-{helper}"),
                });
            }
            Err(error) => problem = Some(error),
        }
    }
    let outcome = match provider {
        Provider::Aws => aws(registry, programs).await,
        Provider::Azure => azure(registry, programs).await,
        _ => gcp(programs).await,
    };
    match (outcome, problem) {
        // The helper's failure says more than the absence of the other tool.
        (Err(ProgramError::Missing(_)), Some(problem)) => Err(problem),
        (outcome, _) => outcome,
    }
}

async fn aws(registry: &str, programs: &Programs) -> Result<Login, ProgramError> {
    let region = aws_region(registry);
    let service = if registry == AWS_PUBLIC_HOST {
        "ecr-public"
    } else {
        "ecr"
    };
    let arguments = [service, "get-login-password", "--region", &region];
    let password = programs.output("aws", &arguments).await?;
    Ok(Login {
        credential: Credential::Basic {
            username: "AWS".to_owned(),
            password,
        },
        source: format!("aws {service} get-login-password --region {region}"),
    })
}

/// The region in a registry's name.
fn aws_region(registry: &str) -> String {
    Regex::new(AWS_HOSTS)
        .ok()
        .and_then(|pattern| Some(pattern.captures(registry)?.get(2)?.as_str().to_owned()))
        .unwrap_or_else(|| "us-east-1".to_owned())
}

#[derive(Deserialize)]
struct AzureToken {
    #[serde(rename = "accessToken")]
    access_token: String,
}

async fn azure(registry: &str, programs: &Programs) -> Result<Login, ProgramError> {
    let name = registry.split('.').next().unwrap_or(registry);
    let arguments = [
        "acr",
        "login",
        "--name",
        name,
        "--expose-token",
        "--output",
        "json",
    ];
    let text = programs.output("az", &arguments).await?;
    let token: AzureToken = serde_json::from_str(text.expose()).map_err(|_| {
        ProgramError::Failed("az acr login printed something that is not a token".to_owned())
    })?;
    Ok(Login {
        credential: Credential::Basic {
            username: AZURE_USER.to_owned(),
            password: Redacted::new(token.access_token),
        },
        source: format!("az acr login --name {name} --expose-token"),
    })
}

async fn gcp(programs: &Programs) -> Result<Login, ProgramError> {
    let password = programs
        .output("gcloud", &["auth", "print-access-token"])
        .await?;
    Ok(Login {
        credential: Credential::Basic {
            username: "oauth2accesstoken".to_owned(),
            password,
        },
        source: "gcloud auth print-access-token".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_nobodys_cloud_is_refused_with_the_pattern() {
        let refusal = |provider| check_host(provider, "127.0.0.1:5000").unwrap_err();
        assert_eq!(
            refusal(Provider::Azure),
            r"invalid Azure registry: '127.0.0.1:5000'. must match ^.+\.(azurecr\.io|azurecr\.cn|azurecr\.de|azurecr\.us)$"
        );
        assert!(refusal(Provider::Aws).starts_with("invalid AWS registry: '127.0.0.1:5000'."));
        assert!(refusal(Provider::Gcp).starts_with("invalid GCP registry: "));
        assert_eq!(check_host(Provider::Generic, "127.0.0.1:5000"), Ok(()));
    }

    #[test]
    fn hosts_of_each_cloud_are_known() {
        for (provider, host) in [
            (Provider::Aws, "public.ecr.aws"),
            (
                Provider::Aws,
                "012345678901.dkr.ecr.eu-west-1.amazonaws.com",
            ),
            (
                Provider::Aws,
                "012345678901.dkr.ecr.cn-north-1.amazonaws.com.cn",
            ),
            (Provider::Aws, "012345678901.dkr-ecr.eu-west-1.on.aws"),
            (Provider::Azure, "foo.azurecr.io"),
            (Provider::Gcp, "gcr.io"),
            (Provider::Gcp, "eu.gcr.io"),
            (Provider::Gcp, "europe-docker.pkg.dev"),
        ] {
            assert_eq!(check_host(provider, host), Ok(()), "{host}");
        }
        assert!(check_host(Provider::Azure, "azurecr.io").is_err());
        assert!(check_host(Provider::Gcp, "gcr.io.example").is_err());
    }

    #[test]
    fn the_region_is_part_of_the_host() {
        assert_eq!(aws_region("1.dkr.ecr.eu-west-1.amazonaws.com"), "eu-west-1");
        assert_eq!(aws_region("public.ecr.aws"), "us-east-1");
    }
}
