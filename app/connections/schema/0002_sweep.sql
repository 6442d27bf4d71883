-- Whoever seals all grants under another key has to find them all; it writes each as its tenant.
create policy sweep on connections for select
    using (current_setting('app.sweep', true) = 'on');
