//! Passwords and encryption. Whoever writes a commit message has no use for them; sprig has them.

use aes::Aes256;
use aes::cipher::{BlockDecrypt as _, BlockEncrypt as _, KeyInit as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use blowfish::Blowfish;
use hmac::{Hmac, Mac as _};
use rand::RngCore as _;
use sha2::Sha256;

use super::encoding::decode_64;
use super::{Call, Function, Outcome};
use crate::template::value::Parameter::{String as Str, Uint32};
use crate::template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("bcrypt", &[Str], |call| call.string(bcrypt(call, 0)?)),
    Function::new("htpasswd", &[Str, Str], |call| {
        let user = call.str(0);
        if user.contains(':') {
            return call.string(format!("invalid username: {user}"));
        }
        call.string(format!("{user}:{}", bcrypt(call, 1)?))
    }),
    Function::new(
        "derivePassword",
        &[Uint32, Str, Str, Str, Str],
        derive_password,
    ),
    Function::new("encryptAES", &[Str, Str], encrypt),
    Function::new("decryptAES", &[Str, Str], decrypt),
];

/// Steps that a deliberately slow function costs: a thousand of them are a template's all.
const SLOW: usize = 50_000;
/// bcrypt's cost that Go takes when nobody says another.
const COST: u32 = 10;
const BCRYPT_LETTERS: &[u8; 64] =
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A bcrypt hash with a random salt, or the sentence that takes its place.
fn bcrypt(call: &Call<'_>, index: usize) -> Result<String, String> {
    call.budget.spend(SLOW)?;
    let password = call.text(index);
    if password.len() > 72 {
        return Ok(
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
                .to_owned(),
        );
    }
    let mut salt = [0; 16];
    rand::thread_rng().fill_bytes(&mut salt);
    let key = [password, b"\0"].concat();
    let mut state: Blowfish = Blowfish::bc_init_state();
    state.salted_expand_key(&salt, &key);
    for _ in 0..1_u32 << COST {
        state.bc_expand_key(&key);
        state.bc_expand_key(&salt);
    }
    let mut hash = Vec::with_capacity(24);
    for pair in b"OrpheanBeholderScryDoubt".chunks(8) {
        let word = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |word, byte| word << 8 | u32::from(*byte))
        };
        let mut words = [word(&pair[..4]), word(&pair[4..])];
        for _ in 0..64 {
            words = state.bc_encrypt(words);
        }
        hash.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    }
    Ok(format!(
        "$2a${COST:02}${}{}",
        bcrypt_text(&salt),
        bcrypt_text(&hash[..23])
    ))
}

/// base64 with bcrypt's own alphabet and without padding.
fn bcrypt_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0; 4];
        three[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(three);
        for index in 0..=chunk.len() {
            let letter = usize::try_from(bits >> (18 - 6 * index) & 63).unwrap_or(0);
            text.push(char::from(BCRYPT_LETTERS[letter]));
        }
    }
    text
}

/// The templates of a type of password; letters stand for sets of characters.
fn password_templates(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn password_characters(letter: u8) -> &'static [u8] {
    match letter {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The password of a site, from a user's master password: the algorithm of Master Password.
fn derive_password(call: &Call<'_>) -> Outcome {
    const SEED: &[u8] = b"com.lyndir.masterpassword";
    let name = call.str(1);
    let Some(templates) = password_templates(&name) else {
        return call.string(format!("cannot find password template {name}"));
    };
    call.budget.spend(SLOW)?;
    let counter = match call.value(0) {
        Value::Unsigned(counter, _) => u32::try_from(*counter).unwrap_or(0),
        _ => 0,
    };
    let length = |text: &[u8]| u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    let (password, user, site) = (call.text(2), call.text(3), call.text(4));
    let salt = [SEED, &length(user), user].concat();
    let parameters = scrypt::Params::new(15, 8, 2).map_err(|error| error.to_string())?;
    let mut key = [0; 64];
    scrypt::scrypt(password, &salt, &parameters, &mut key).map_err(|error| error.to_string())?;
    let message = [SEED, &length(site), site, &counter.to_be_bytes()].concat();
    let mut mac =
        <Hmac<Sha256> as hmac::Mac>::new_from_slice(&key).map_err(|error| error.to_string())?;
    mac.update(&message);
    let seed = mac.finalize().into_bytes();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let characters = template.bytes().zip(&seed[1..]).map(|(letter, byte)| {
        let set = password_characters(letter);
        set[usize::from(*byte) % set.len()]
    });
    call.string(characters.collect::<Vec<u8>>())
}

/// The first 32 bytes of a password, filled up with zeros.
fn cipher(password: &[u8]) -> Aes256 {
    let mut key = [0; 32];
    let used = password.len().min(32);
    key[..used].copy_from_slice(&password[..used]);
    Aes256::new(&key.into())
}

fn encrypt(call: &Call<'_>) -> Outcome {
    let plain = call.text(1);
    if plain.is_empty() {
        return call.string("");
    }
    call.budget.text(plain.len() * 3)?;
    let cipher = cipher(call.text(0));
    let mut before = [0; 16];
    rand::thread_rng().fill_bytes(&mut before);
    let mut encrypted = before.to_vec();
    // Padding of PKCS #7: as many bytes as there are bytes missing, each with that number.
    let missing = 16 - plain.len() % 16;
    let mut padded = plain.to_vec();
    padded.resize(plain.len() + missing, u8::try_from(missing).unwrap_or(16));
    for block in padded.chunks(16) {
        for (old, new) in before.iter_mut().zip(block) {
            *old ^= new;
        }
        let mut block = before.into();
        cipher.encrypt_block(&mut block);
        before = block.into();
        encrypted.extend_from_slice(&before);
    }
    call.string(BASE64_STANDARD.encode(encrypted))
}

fn decrypt(call: &Call<'_>) -> Outcome {
    if call.text(1).is_empty() {
        return call.string("");
    }
    let encrypted =
        decode_64(call.text(1)).map_err(|at| format!("illegal base64 data at input byte {at}"))?;
    let Some((mut before, blocks)) = encrypted.split_at_checked(16) else {
        let length = encrypted.len();
        return Err(format!(
            "runtime error: slice bounds out of range [:16] with capacity {length}"
        ));
    };
    if !blocks.len().is_multiple_of(16) {
        return Err("crypto/cipher: input not full blocks".to_owned());
    }
    let cipher = cipher(call.text(0));
    let mut plain = Vec::with_capacity(blocks.len());
    for encrypted in blocks.chunks(16) {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(encrypted);
        let mut block = bytes.into();
        cipher.decrypt_block(&mut block);
        plain.extend(block.iter().zip(before).map(|(new, old)| new ^ old));
        before = encrypted;
    }
    let Some(padding) = plain.last().copied() else {
        return Err("runtime error: index out of range [-1]".to_owned());
    };
    match plain.len().checked_sub(padding.into()) {
        Some(length) => call.string(&plain[..length]),
        None => {
            let past = usize::from(padding) - plain.len();
            Err(format!(
                "runtime error: slice bounds out of range [:-{past}]"
            ))
        }
    }
}
