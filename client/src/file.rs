//! Files that appear under their final name when they are complete, and not before.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::ClientError;

/// Opens a file beside `path`, which need not exist; its directory must. Dropped without [`save`], it is removed.
pub fn part(path: &Path) -> Result<NamedTempFile, ClientError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| ClientError::file(path, "это не имя файла"))?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file: the umask takes away what it must.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory).map_err(|error| ClientError::file(path, error))
}

/// Puts the data on the disk and gives the file its final name; a file that had it is replaced.
pub fn save(file: NamedTempFile, path: &Path) -> Result<(), ClientError> {
    let mut handle = file.as_file();
    handle.flush().and_then(|()| handle.sync_all()).map_err(|error| ClientError::file(path, error))?;
    file.persist(path).map_err(|error| ClientError::file(path, error.error))?;
    Ok(())
}

/// Writes a whole file.
pub fn write(path: &Path, text: &str) -> Result<(), ClientError> {
    let mut file = part(path)?;
    file.write_all(text.as_bytes()).map_err(|error| ClientError::file(path, error))?;
    save(file, path)
}
