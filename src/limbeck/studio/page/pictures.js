// Pictures come a few at a time: a browser has six connections to a host, and whoever decides
// something must not wait until all pictures in view are drawn.

const AT_ONCE = 4;
const coming = new Set();
const queues = [new Map(), new Map()]; // image -> address; the first queue goes first

/** Show the picture of this address in an image, once it is its turn. */
export function picture(image, address, { first = false } = {}) {
  for (const queue of queues) queue.delete(image);
  if (image.getAttribute("src") === address) return;
  if (coming.has(image)) image.src = address; // instead of the one that was under way
  else queues[first ? 0 : 1].set(image, address);
  pump();
}

/** Show no picture in it. */
export function blank(image) {
  for (const queue of queues) queue.delete(image);
  image.removeAttribute("src");
  done(image);
}

function done(image) {
  if (coming.delete(image)) pump();
}

function pump() {
  for (const queue of queues) {
    for (const [image, address] of queue) {
      if (coming.size >= AT_ONCE) return;
      queue.delete(image);
      if (!image.isConnected) continue;
      coming.add(image);
      image.onload = image.onerror = () => done(image);
      image.src = address;
    }
  }
}
