import { api, el } from "./kit.js";
export async function open(section, studio) {
  const table = await api.get("/api/curate/table");
  section.append(el("p", {}, JSON.stringify(table)));
}
