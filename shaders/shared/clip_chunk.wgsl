// Shared: a part of a range of gradients, for one workgroup.

struct Chunk {
    // Elements begin .. end of the gradients.
    begin: u32,
    end: u32,
    // Its range, and the range's chunks: first_chunk .. first_chunk + chunks.
    range: u32,
    first_chunk: u32,
    chunks: u32,
}
