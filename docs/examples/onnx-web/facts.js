// What an ONNX file says of itself: metadata_props, field 14 of its ModelProto (a protobuf).

/** Fields of a protobuf message: [number, bytes]; numbers of fixed and variable size are passed over. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0, factor = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte & 128);
    return value;
  };
  while (at < bytes.length) {
    const tag = varint(), kind = tag % 8;
    if (kind === 2) {
      const length = varint();
      yield [Math.floor(tag / 8), bytes.subarray(at, at + length)];
      at += length;
    } else if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else throw new Error("this is no ONNX file");
  }
}

/** Name -> text; an error where no limbeck wrote the file. */
export function factsOf(bytes) {
  const text = new TextDecoder(), facts = {};
  for (const [number, entry] of fields(bytes)) {
    if (number !== 14) continue;
    const parts = Object.fromEntries(fields(entry));
    facts[text.decode(parts[1])] = text.decode(parts[2] ?? new Uint8Array());
  }
  if (facts.format !== "limbeck-program") {
    throw new Error("this file was not made by `limbeck export --to onnx`");
  }
  return facts;
}
