// The z of a limbeck seed: the numbers that `limbeck sample --seeds` draws, to 1e-6.

/** 32-bit words of the Mersenne twister MT19937. */
function* twister(seed) {
  const n = 624, state = new Uint32Array(n);
  state[0] = seed;
  for (let i = 1; i < n; i++) {
    const before = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = Math.imul(1812433253, before) + i;
  }
  for (;;) {
    for (let i = 0; i < n; i++) {
      const joined = (state[i] & 0x80000000) | (state[(i + 1) % n] & 0x7fffffff);
      state[i] = state[(i + 397) % n] ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
    }
    for (let i = 0; i < n; i++) {
      let word = state[i];
      word ^= word >>> 11;
      word ^= (word << 7) & 0x9d2c5680;
      word ^= (word << 15) & 0xefc60000;
      yield (word ^ (word >>> 18)) >>> 0;
    }
  }
}

/** Standard normal numbers of a seed (BigInt), Box-Muller by sixteens; size a multiple of 16. */
export async function latent(seed, size) {
  if (!globalThis.crypto?.subtle) throw new Error("open this page over https or from 127.0.0.1");
  if (size % 16) throw new Error(`latents of ${size} numbers: this page draws multiples of 16`);
  const name = new TextEncoder().encode(`str:z\x1fint:${seed}`);
  const digest = new DataView(await crypto.subtle.digest("SHA-256", name));
  const words = twister(Number((digest.getBigUint64(0) >> 1n) & 0xffffffffn));
  const uniform = Float32Array.from({ length: size }, () => (words.next().value & 0xffffff) / 2 ** 24);
  const z = new Float32Array(size);
  for (let at = 0; at < size; at += 16) {
    for (let i = at; i < at + 8; i++) {
      const length = Math.sqrt(-2 * Math.log(1 - uniform[i])), turn = 2 * Math.PI * uniform[i + 8];
      z[i] = length * Math.cos(turn);
      z[i + 8] = length * Math.sin(turn);
    }
  }
  return z;
}
