/** Routes travel in pages that fit a frame whatever the names are; whoever learns them takes each page by itself. */
import { limits } from './limits.ts';
import type { RoutesMessage } from './messages.ts';
import type { Routes } from './requests.ts';

export function pagesOfRoutes(routes: Routes): RoutesMessage[] {
  const { chains, times } = routes;
  const pages = Math.max(1, Math.ceil(chains.length / limits.pageChains));
  return Array.from({ length: pages }, (_, page) => ({
    kind: 'routes',
    routes: {
      ...routes,
      chains: chains.slice(page * limits.pageChains, (page + 1) * limits.pageChains),
      // A few bytes for each slot: all of them fit beside one page of chains.
      times: page === 0 ? times : [],
    },
  }));
}
