//! What is a secret by its name.

/// What the names of secrets end in, without regard to case.
const NAMES: [&str; 10] = [
    "password",
    "passwd",
    "pwd",
    "pw",
    "secret",
    "token",
    "apikey",
    "api_key",
    "authorization",
    "credential",
];

/// Variables of every shell: the directory where it is, and where it was.
const DIRECTORIES: [&str; 2] = ["PWD", "OLDPWD"];

/// Whether what is called so is a secret: a key, a setting, a field.
pub(crate) fn is_secret(name: &str) -> bool {
    if DIRECTORIES.contains(&name) {
        return false;
    }
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "DatabasePw",
            "AuthModule::LDAP::SearchUserPw",
            "SendmailModule::AuthPassword",
            "x-api_key",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["SystemID", "PasswordMinSize", "Tokens", "PWD", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
