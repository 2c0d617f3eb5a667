import type { ReactNode } from 'react';
import type { Signed } from '../app';
import { Mark } from './icons';
import { Avatar, roleName } from './person';
import { Link } from './route';
import './header.css';

export function Header({ signed, children }: { signed: Signed; children?: ReactNode }) {
  const { me, account } = signed;
  return (
    <header className="header">
      <Link to="/" className="header-brand" label="Hotseat: to the lobby"><Mark /><span>Hotseat</span></Link>
      <div className="header-middle">{children}</div>
      <div className="header-person">
        <Avatar person={me} size="small" />
        <span className="header-name" data-testid="me">{me.name}<small>{roleName(me.role)}</small></span>
        <button className="button small quiet" onClick={() => account.signOut()} data-testid="sign-out">Sign out</button>
      </div>
    </header>
  );
}
