import { type JsonObject, isObject } from "../../core/json.ts";
import { type State } from "../../core/message.ts";
import { type StreamStates } from "../../core/stream-states.ts";
import { bookmarksOf } from "./state.ts";
import { streams } from "./streams.gen.ts";
import { object } from "./values.ts";

/** Words of a bookmark that are about its stream alone. All others of `calls` are about every stream of its family. */
const OWN = ["covered", "settled_to", "replication_key", "replication_key_value"];

const family = new Set(streams.filter(({ kind }) => kind === "call").map(({ name }) => name));

/**
 * Every stream of the call family keeps what the family shares, as of the moment of its own rows. The oldest of these is
 * the one to go on from: what is newer in another may be about rows that a stream has not got.
 * docs/decisions/airbyte-state.md
 */
export const streamStates: StreamStates = {
  known(state, names) {
    const bookmarks = bookmarksOf(state);
    // A bookmark `calls` may be there for the sake of its family alone.
    return names.filter((name) => {
      const own = words(object(bookmarks[name]), true);
      return family.has(name) ? Object.keys(own).length > 0 : bookmarks[name] !== undefined;
    });
  },

  cut(state, stream) {
    const bookmarks = bookmarksOf(state);
    const own = object(bookmarks[stream]);
    if (!family.has(stream)) return withBookmarks(state, { [stream]: own });
    if (stream === "calls") return withBookmarks(state, { calls: own });
    return withBookmarks(state, { calls: words(object(bookmarks["calls"]), false), [stream]: own });
  },

  join(parts) {
    const ofFamily = parts.filter(({ stream }) => family.has(stream));
    const shared = ofFamily.map(({ state }) => words(object(bookmarksOf(state)["calls"]), false));
    const bookmarks: JsonObject = {};
    const [oldest, newest] = [shared[0], shared.at(-1)];
    if (oldest !== undefined && newest !== undefined) {
      // A stream whose part is gone has not seen anything: then no call counts as seen.
      const read = Array.isArray(oldest["streams"]) ? oldest["streams"] : [];
      const there = read.filter((name) => ofFamily.some(({ stream }) => stream === name));
      bookmarks["calls"] = { ...oldest, ...network(newest), streams: there };
    }
    for (const { stream, state } of parts) {
      const own = object(bookmarksOf(state)[stream]);
      bookmarks[stream] = family.has(stream) ? { ...object(bookmarks[stream]), ...words(own, true) } : own;
    }
    const [first] = parts;
    return first === undefined ? {} : withBookmarks(first.state, bookmarks);
  },
};

function withBookmarks({ version }: State, bookmarks: JsonObject): State {
  return { ...(version === undefined ? {} : { version }), bookmarks };
}

function words(bookmark: JsonObject, own: boolean): JsonObject {
  return Object.fromEntries(Object.entries(bookmark).filter(([word]) => OWN.includes(word) === own));
}

/** What was learned of the network is true for all, and the newest is the best. */
function network({ rate, requests }: JsonObject): JsonObject {
  return { ...(isObject(rate) ? { rate } : {}), ...(isObject(requests) ? { requests } : {}) };
}
