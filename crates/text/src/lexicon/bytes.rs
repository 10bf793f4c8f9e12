//! A reader over the packed data files: every access is checked, a short file reads as `None`.

use crate::phones::Phone;

/// A position in a byte slice.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(n)?;
        let part = self.data.get(self.at..end)?;
        self.at = end;
        Some(part)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(crate) fn u32(&mut self) -> Option<usize> {
        let v = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        usize::try_from(v).ok()
    }

    pub(crate) fn f32(&mut self) -> Option<f32> {
        Some(f32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A run with its length in front (u8).
    pub(crate) fn run(&mut self) -> Option<&'a [u8]> {
        let n = self.u8()?;
        self.take(usize::from(n))
    }

    /// The table of phone names both files start with.
    pub(crate) fn phone_table(&mut self) -> Option<Vec<Phone>> {
        let n = self.u8()?;
        (0..n).map(|_| Phone::parse(std::str::from_utf8(self.run()?).ok()?)).collect()
    }
}
