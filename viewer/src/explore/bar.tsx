/** The line above H5Web: where the selected node's other pages are. */

import { useAddress } from "./address";

export function Bar({ licences }: { licences: string }): React.ReactNode {
  const address = useAddress();
  return (
    <header className="bar">
      <nav aria-label="Pages">
        <a href={address.page("/", "")}>All data</a>
      </nav>
      <a href={licences}>Licences</a>
    </header>
  );
}
